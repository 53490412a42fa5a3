#include "primitive.h"

namespace undiffuse {

namespace {

struct Matrices {
  std::vector<int64_t> batch, strides;
  int64_t rows, columns, rowStride, columnStride;

  int64_t extent() const {
    int64_t last = (rows - 1) * rowStride + (columns - 1) * columnStride;
    for (size_t i = 0; i < batch.size(); ++i) last += (batch[i] - 1) * strides[i];
    return last + 1;
  }

  // Dimensions of one index get the strides that oneDNN takes for a plain matrix; so do those that repeat, which it
  // knows as of one index.
  Md description(Type type) const {
    int64_t row = rowStride, column = columnStride;
    if (columns == 1) column = row == 1 ? rows : 1;
    if (rows == 1) row = column == 1 ? columns : 1;
    dnnl::memory::dims dims, steps;
    for (size_t i = 0; i < batch.size(); ++i) {
      dims.push_back(strides[i] == 0 ? 1 : batch[i]);
      steps.push_back(strides[i] == 0 ? extent() : strides[i]);
    }
    dims.insert(dims.end(), {rows, columns});
    steps.insert(steps.end(), {row, column});
    return {dims, type, steps};
  }
};

// Batch dimensions that both operands walk as one are one, and those along which b repeats while a goes on as along
// its rows are rows.
void merge(Matrices& a, Matrices& b, Matrices& out) {
  Matrices x = a, y = b;
  x.batch.clear(), x.strides.clear(), y.batch.clear(), y.strides.clear();
  for (size_t i = 0; i < a.batch.size(); ++i) {
    if (a.batch[i] == 1) continue;
    const bool merges = !x.batch.empty() && x.strides.back() == a.strides[i] * a.batch[i] &&
                        y.strides.back() == b.strides[i] * b.batch[i];
    if (merges) {
      x.batch.back() *= a.batch[i];
    } else {
      x.batch.push_back(a.batch[i]), x.strides.push_back(0), y.strides.push_back(0);
    }
    x.strides.back() = a.strides[i], y.strides.back() = b.strides[i];
  }
  if (!x.batch.empty() && y.strides.back() == 0 && x.strides.back() == x.rows * x.rowStride) {
    x.rows *= x.batch.back();
    x.batch.pop_back(), x.strides.pop_back(), y.strides.pop_back();
  }
  y.batch = x.batch;
  a = x, b = y;
  out.batch = x.batch, out.rows = x.rows;
  out.strides.assign(x.batch.size(), 0);
  int64_t dense = out.rows * out.columns;
  for (size_t i = x.batch.size(); i-- > 0; dense *= x.batch[i]) out.strides[i] = dense;
}

}  // namespace

Step prepareMatMul(Setup& setup) {
  Words& words = setup.words;
  const Value *aValue = setup.real(), *bValue = setup.real(), *outValue = setup.real();
  Matrices a{}, b{}, out{};
  const int32_t rank = words.next();
  for (int32_t i = 0; i < rank; ++i) a.batch.push_back(words.positive());
  b.batch = a.batch;
  a.strides = words.list(a.batch.size());
  b.strides = words.list(a.batch.size());
  const int64_t m = words.positive(), n = words.positive(), k = words.positive();
  a.rows = m, a.columns = k, b.rows = k, b.columns = n, out.rows = m, out.columns = n;
  a.rowStride = words.next(), a.columnStride = words.next(), b.rowStride = words.next(), b.columnStride = words.next();
  out.rowStride = n, out.columnStride = 1;
  merge(a, b, out);
  need(aValue, a.extent());
  need(bValue, b.extent());
  need(outValue, out.extent());

  return buildPrimitive(setup, {aValue, bValue}, [&](Factors factors) {
    const Type type = typeOf(factors);
    const Md aMd = a.description(type), bMd = b.description(type), outMd = out.description(typeOf(factors, outValue));
    const auto description = describeMatMul(setup.primitives->engine, aMd, bMd, outMd);
    auto primitive =
        std::make_shared<Primitive>(setup, factors, dnnl::matmul(description), description.scratchpad_desc());
    primitive->input(DNNL_ARG_SRC, aValue, [&](Type type) { return a.description(type); }, aMd);
    primitive->input(DNNL_ARG_WEIGHTS, bValue, [&](Type type) { return b.description(type); }, bMd);
    primitive->output(DNNL_ARG_DST, outValue, [&](Type type) { return out.description(type); }, outMd);
    return primitive;
  });
}

}  // namespace undiffuse

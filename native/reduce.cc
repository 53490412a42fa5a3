// Reduce: [A, R, B] to [A, B]. A task is one of A, up to CHUNK of the columns B and a range of the rows R.
#include <cmath>

#include "step.h"

namespace undiffuse {

namespace {

constexpr int64_t CHUNK = 1024;  // columns at a time: their totals stay in the first cache
constexpr int64_t BLOCK = 64;    // rows that are added in float32 before they join a total in double

struct Shape {
  int64_t a, r, b;
};

// into[j] += the rows' columns, four rows at a time to spare the totals' traffic
template <class T>
void addRows(const T* in, int64_t rows, int64_t stride, int64_t width, float* into) {
  const auto at = [](const T* from, int64_t j) { return static_cast<float>(from[j]); };
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4, in += 4 * stride) {
    const T *x = in, *y = in + stride, *z = in + 2 * stride, *w = in + 3 * stride;
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) into[j] += (at(x, j) + at(y, j)) + (at(z, j) + at(w, j));
  }
  for (; r < rows; ++r, in += stride)
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) into[j] += at(in, j);
}

template <class T>
void sumRows(const T* in, int64_t rows, int64_t stride, int64_t width, double* totals) {
  float block[CHUNK];
  for (int64_t r = 0; r < rows; r += BLOCK) {
    std::fill_n(block, width, 0.f);
    addRows(in + r * stride, std::min(BLOCK, rows - r), stride, width, block);
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) totals[j] += block[j];
  }
}

template <class T>
void maxRows(const T* in, int64_t rows, int64_t stride, int64_t width, double* totals) {
  for (int64_t r = 0; r < rows; ++r, in += stride)
#pragma omp simd
    for (int64_t j = 0; j < width; ++j) {
      const double x = static_cast<float>(in[j]);
      totals[j] = x > totals[j] || x != x ? x : totals[j];
    }
}

// Totals of columns `width` wide. Where columns are few, several rows are taken as one wide row, folded at the end.
template <class T>
void reduceRows(const T* in, int64_t rows, int64_t stride, int64_t width, bool largest, double* out) {
  const auto reduce = largest ? maxRows<T> : sumRows<T>;
  const double start = largest ? -HUGE_VAL : 0.;
  std::fill_n(out, width, start);
  const int64_t together = stride == width ? std::min(64 / width, rows) : 1;
  if (together < 2) return reduce(in, rows, stride, width, out);
  double wide[64];
  const int64_t wideRows = rows / together, wideWidth = together * width;
  std::fill_n(wide, wideWidth, start);
  reduce(in, wideRows, wideWidth, wideWidth, wide);
  reduce(in + wideRows * wideWidth, rows % together, width, width, out);
  for (int64_t i = 0; i < together; ++i)
    for (int64_t j = 0; j < width; ++j) {
      const double x = wide[i * width + j];
      if (!largest) out[j] += x;
      if (largest && (x > out[j] || x != x)) out[j] = x;
    }
}

template <class T, class Out>
void reduceAll(const T* in, Out* out, Shape shape, bool largest, int64_t splits, double* partial, int threads) {
  const auto [a, r, b] = shape;
  const int64_t chunks = (b + CHUNK - 1) / CHUNK;
  parallel(a * chunks * splits, threads, [=](int64_t begin, int64_t end, int) {
    double totals[CHUNK];
    for (int64_t task = begin; task < end; ++task) {
      const int64_t split = task % splits, column = task / splits % chunks * CHUNK, outer = task / splits / chunks;
      const int64_t first = r * split / splits, last = r * (split + 1) / splits, width = std::min(CHUNK, b - column);
      double* into = splits > 1 ? partial + (split * a + outer) * b + column : totals;
      reduceRows(in + (outer * r + first) * b + column, last - first, b, width, largest, into);
      if (splits == 1) convert(totals, width, out + outer * b + column);
    }
  });
  if (splits == 1) return;
  for (int64_t i = 0; i < a * b; ++i) {
    double total = partial[i];
    for (int64_t s = 1; s < splits; ++s) {
      const double x = partial[s * a * b + i];
      if (!largest) total += x;
      if (largest && (x > total || x != x)) total = x;
    }
    out[i] = static_cast<Out>(static_cast<float>(total));
  }
}

}  // namespace

Step prepareReduce(Setup& setup) {
  const int32_t kind = setup.words.next();
  if (kind != 0 && kind != 1) throw std::runtime_error("unknown kind " + std::to_string(kind));
  const Value *in = setup.real(), *out = setup.real();
  const Shape shape{setup.words.positive(), setup.words.positive(), setup.words.positive()};
  need(in, shape.a * shape.r * shape.b);
  need(out, shape.a * shape.b);
  const int threads = threadsFor(shape.a * shape.r * shape.b, setup.threads);
  // Rows are split where there are too few other tasks to share out, and enough rows.
  const int64_t tasks = shape.a * ((shape.b + CHUNK - 1) / CHUNK);
  const int64_t wanted = threads == 1 || tasks >= 8 * threads ? 1 : (4 * threads + tasks - 1) / tasks;
  const int64_t splits = std::max<int64_t>(1, std::min(wanted, shape.r / BLOCK));
  const Region partial = setup.reserve(splits > 1 ? sizeof(double) * splits * shape.a * shape.b : 0);
  return [=] {
    withReal(in->dtype, [&](auto from) {
      withReal(out->dtype, [&](auto to) {
        reduceAll(in->as<decltype(from)>(), out->as<decltype(to)>(), shape, kind == 1, splits, partial.as<double>(),
                  threads);
      });
    });
  };
}

}  // namespace undiffuse

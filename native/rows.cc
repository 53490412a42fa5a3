// Operations on the rows of a table: Fill, Softmax, Gather, ScatterAdd.
#include "step.h"

namespace undiffuse {

namespace {

void softmax(const float* in, int64_t n, float* out) {
  float largest = in[0], sum = 0;
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < n; ++i) largest = largest < in[i] ? in[i] : largest;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += out[i] = exponential(in[i] - largest);
  const float factor = 1.f / sum;
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] *= factor;
}

void checkIndices(const Value* indices, int64_t count, int64_t size) {
  for (int64_t i = 0; i < count; ++i)
    if (indices->ints()[i] < 0 || indices->ints()[i] >= size)
      throw std::runtime_error("index " + std::to_string(indices->ints()[i]) + " into a table of " +
                               std::to_string(size) + " rows");
}

}  // namespace

Step prepareFill(Setup& setup) {
  const Value* out = setup.any();
  const float value = setup.words.real();
  const int threads = threadsFor(out->size, setup.threads);
  return [=] {
    parallel(out->size, threads, [&](int64_t begin, int64_t end, int) {
      if (out->dtype == BFloat16) std::fill(out->as<Bf16>() + begin, out->as<Bf16>() + end, Bf16(value));
      if (out->dtype == Float32) std::fill(out->floats() + begin, out->floats() + end, value);
      if (out->dtype == Int32) std::fill(out->ints() + begin, out->ints() + end, static_cast<int32_t>(value));
      if (out->dtype == UInt8) std::fill(out->data + begin, out->data + end, static_cast<uint8_t>(value));
      if (out->dtype == Bool) std::fill(out->data + begin, out->data + end, uint8_t(value != 0.f));
    });
  };
}

Step prepareSoftmax(Setup& setup) {
  const Value *in = setup.real(), *out = setup.real();
  const int64_t rows = setup.words.positive(), columns = setup.words.positive();
  need(in, rows * columns);
  need(out, rows * columns);
  const int threads = threadsFor(rows * columns * 4, setup.threads);
  const Region memory = setup.reserve(sizeof(float) * threads * columns);
  return [=] {
    parallel(rows, threads, [&](int64_t begin, int64_t end, int thread) {
      float* row = memory.as<float>() + thread * columns;
      for (int64_t r = begin; r < end; ++r) {
        const float* from = in->floats() + r * columns;
        float* to = out->floats() + r * columns;
        if (in->dtype == BFloat16) convert(in->as<Bf16>() + r * columns, columns, row), from = row;
        if (out->dtype == BFloat16) to = row;
        softmax(from, columns, to);
        if (out->dtype == BFloat16) convert(row, columns, out->as<Bf16>() + r * columns);
      }
    });
  };
}

Step prepareGather(Setup& setup) {
  const Value *table = setup.value(), *indices = setup.value(0, Int32), *out = setup.value();
  const int64_t count = setup.words.positive(), width = setup.words.positive();
  need(indices, count);
  need(out, count * width);
  const int64_t size = table->size / width;
  const int threads = threadsFor(count * width, setup.threads);
  return [=] {
    checkIndices(indices, count, size);
    parallel(count, threads, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i)
        std::copy_n(table->floats() + indices->ints()[i] * width, width, out->floats() + i * width);
    });
  };
}

Step prepareScatterAdd(Setup& setup) {
  const Value *rows = setup.value(), *indices = setup.value(0, Int32), *out = setup.value();
  const int64_t count = setup.words.positive(), width = setup.words.positive(), size = setup.words.positive();
  need(rows, count * width);
  need(indices, count);
  need(out, size * width);
  const int threads = threadsFor((count + size) * width, setup.threads);
  return [=] {
    checkIndices(indices, count, size);
    // Each thread owns some rows of the result, and so adds in the order of the indices.
    parallel(size, threads, [&](int64_t begin, int64_t end, int) {
      std::fill(out->floats() + begin * width, out->floats() + end * width, 0.f);
      for (int64_t i = 0; i < count; ++i) {
        const int64_t index = indices->ints()[i];
        if (index < begin || index >= end) continue;
        const float* row = rows->floats() + i * width;
        float* sum = out->floats() + index * width;
#pragma omp simd
        for (int64_t j = 0; j < width; ++j) sum[j] += row[j];
      }
    });
  };
}

}  // namespace undiffuse

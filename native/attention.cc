// Attention: k of each head is laid out transposed and v dense, both padded to whole panels; then for each block of
// queries a product, a softmax in place and a product, in the cache.
#include "gemm.h"
#include "step.h"

namespace undiffuse {

namespace {

constexpr int64_t SCORES = 32768;  // of a block of queries, at most: 128 KiB
constexpr int64_t MOST = 8 * HEIGHT;
constexpr int64_t SUMMED = 256;  // keys whose values are added up before they join a sum

int64_t padded(int64_t n) { return (n + PANEL - 1) / PANEL * PANEL; }

struct Shape {
  int64_t batch, queries, keys, heads, width, valueWidth;
  float scale;

  int64_t stride() const { return heads * width; }
  int64_t valueStride() const { return heads * valueWidth; }
  int64_t block() const { return std::clamp(SCORES / padded(keys) / HEIGHT * HEIGHT, HEIGHT, MOST); }
  int64_t packedKeys() const { return width * padded(keys); }
  int64_t packedValues() const { return keys * padded(valueWidth); }
};

template <class T>
void packKeys(const T* k, const Shape& s, float* out) {
  const int64_t row = padded(s.keys);
  for (int64_t key = 0; key < s.keys; key += LANES)
    for (int64_t i = 0; i < s.width; ++i)
      for (int64_t j = key; j < std::min(key + LANES, s.keys); ++j) out[i * row + j] = static_cast<float>(k[j * s.stride() + i]);
  for (int64_t i = 0; i < s.width; ++i) std::fill(out + i * row + s.keys, out + (i + 1) * row, 0.f);
}

template <class T>
void packValues(const T* v, const Shape& s, float* out) {
  for (int64_t key = 0; key < s.keys; ++key, v += s.valueStride(), out += padded(s.valueWidth)) {
    convert(v, s.valueWidth, out);
    std::fill(out + s.valueWidth, out + padded(s.valueWidth), 0.f);
  }
}

// Scores become exp(scale · score - largest); gives 1 / their sum.
float exponentials(float* scores, int64_t n, float scale) {
  float largest = scores[0] * scale, sum = 0;
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < n; ++i) {
    scores[i] *= scale;
    largest = largest < scores[i] ? scores[i] : largest;
  }
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += scores[i] = exponential(scores[i] - largest);
  return 1.f / sum;
}

// Behind `result` is room for the rows of q.
template <class T>
void attend(const T* q, const float* keys, const float* values, const Shape& s, int64_t count, float* scores,
            float* result, T* out) {
  const int64_t row = padded(s.keys), width = padded(s.valueWidth);
  float factors[MOST];
  float* rows = result + s.block() * width;
  for (int64_t i = 0; i < count; ++i) convert(q + i * s.stride(), s.width, rows + i * s.width);
  multiply(rows, s.width, keys, row, count, row, s.width, scores, row);
  for (int64_t i = 0; i < count; ++i) factors[i] = exponentials(scores + i * row, s.keys, s.scale);
  for (int64_t key = 0; key < s.keys; key += SUMMED)
    multiply(scores + key, row, values + key * width, width, count, width, std::min(SUMMED, s.keys - key), result,
             width, key > 0);
  for (int64_t i = 0; i < count; ++i)
    for (int64_t j = 0; j < s.valueWidth; ++j) out[i * s.valueStride() + j] = static_cast<T>(result[i * width + j] * factors[i]);
}

template <class T>
Step prepare(Setup& setup, const Shape& s, const Value* q, const Value* k, const Value* v, const Value* out) {
  const int threads = threadsFor(s.batch * s.heads * s.queries * s.keys * (s.width + s.valueWidth), setup.threads);
  const int64_t all = s.batch * s.heads, block = s.block(), blocks = (s.queries + block - 1) / block;
  const int64_t scratchOfOne = block * (padded(s.keys) + padded(s.valueWidth) + s.width);
  const Region packedKeys = setup.reserve(sizeof(float) * all * s.packedKeys());
  const Region packedValues = setup.reserve(sizeof(float) * all * s.packedValues());
  const Region scratch = setup.reserve(sizeof(float) * threads * scratchOfOne);
  return [=] {
    // Of a head of an image: where its first row begins.
    const auto head = [&](const Value* value, int64_t i, int64_t rows, int64_t width) {
      return value->as<T>() + (i / s.heads * rows * s.heads + i % s.heads) * width;
    };
    parallel(all, threads, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        packKeys(head(k, i, s.keys, s.width), s, packedKeys.as<float>() + i * s.packedKeys());
        packValues(head(v, i, s.keys, s.valueWidth), s, packedValues.as<float>() + i * s.packedValues());
      }
    });
    parallel(all * blocks, threads, [&](int64_t begin, int64_t end, int thread) {
      float *scores = scratch.as<float>() + thread * scratchOfOne, *result = scores + block * padded(s.keys);
      for (int64_t task = begin; task < end; ++task) {
        const int64_t i = task / blocks, first = task % blocks * block;
        attend(head(q, i, s.queries, s.width) + first * s.stride(), packedKeys.as<float>() + i * s.packedKeys(),
               packedValues.as<float>() + i * s.packedValues(), s, std::min(block, s.queries - first), scores, result,
               head(out, i, s.queries, s.valueWidth) + first * s.valueStride());
      }
    });
  };
}

}  // namespace

Step prepareAttention(Setup& setup) {
  const Value *q = setup.real(), *k = setup.value(0, q->dtype), *v = setup.value(0, q->dtype),
              *out = setup.value(0, q->dtype);
  Shape s{};
  for (int64_t* field : {&s.batch, &s.queries, &s.keys, &s.heads, &s.width, &s.valueWidth}) *field = setup.words.positive();
  s.scale = setup.words.real();
  need(q, s.batch * s.queries * s.stride()), need(k, s.batch * s.keys * s.stride());
  need(v, s.batch * s.keys * s.valueStride()), need(out, s.batch * s.queries * s.valueStride());
  return withReal(q->dtype, [&](auto t) { return prepare<decltype(t)>(setup, s, q, k, v, out); });
}

}  // namespace undiffuse

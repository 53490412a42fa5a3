// A small matrix product for one thread: out [m, n] = a [m, k] · b [k, n], or `out` plus it, with a row stride each.
// b and out are read and written in whole panels of PANEL columns: n is a multiple of it.
#pragma once
#include <cstdint>

namespace undiffuse {

#if defined(__AVX512F__)
constexpr int64_t LANES = 16;
constexpr int64_t HEIGHT = 12;  // rows of `out` in registers at a time
#elif defined(__AVX__)
constexpr int64_t LANES = 8;
constexpr int64_t HEIGHT = 6;
#else
constexpr int64_t LANES = 4;
constexpr int64_t HEIGHT = 4;
#endif
constexpr int64_t PANEL = 2 * LANES;

using Vector = float __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

template <int64_t height>
void multiplyTile(const float* a, int64_t aStride, const float* b, int64_t bStride, int64_t k, float* out,
                  int64_t outStride, bool add) {
  Vector sums[height][2] = {};
  for (int64_t i = 0; i < k; ++i, b += bStride) {
    const Vector left = *reinterpret_cast<const Vector*>(b), right = *reinterpret_cast<const Vector*>(b + LANES);
#pragma GCC unroll 12
    for (int64_t r = 0; r < height; ++r) {
      sums[r][0] += a[r * aStride + i] * left;
      sums[r][1] += a[r * aStride + i] * right;
    }
  }
#pragma GCC unroll 12
  for (int64_t r = 0; r < height; ++r) {
    Vector* row = reinterpret_cast<Vector*>(out + r * outStride);
    row[0] = add ? row[0] + sums[r][0] : sums[r][0];
    row[1] = add ? row[1] + sums[r][1] : sums[r][1];
  }
}

// Rows that do not fill a tile, by the largest power of two or less.
template <int64_t height>
void multiplyRows(const float* a, int64_t aStride, const float* b, int64_t bStride, int64_t m, int64_t k, float* out,
                  int64_t outStride, bool add) {
  for (; m >= height; m -= height, a += height * aStride, out += height * outStride)
    multiplyTile<height>(a, aStride, b, bStride, k, out, outStride, add);
  if constexpr (height > 1) {
    if (m > 0) multiplyRows<height / 2>(a, aStride, b, bStride, m, k, out, outStride, add);
  }
}

inline void multiply(const float* a, int64_t aStride, const float* b, int64_t bStride, int64_t m, int64_t n, int64_t k,
                     float* out, int64_t outStride, bool add = false) {
  for (int64_t j = 0; j < n; j += PANEL)
    multiplyRows<HEIGHT>(a, aStride, b + j, bStride, m, k, out + j, outStride, add);
}

}  // namespace undiffuse

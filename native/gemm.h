// A small matrix product for one thread: out [m, n] = a [m, k] · b [k, n], or `out` plus it, with a row stride each.
// a may lie turned, as [k, m]. b and out are read and written in vectors, the last of which may be a half: n is a
// multiple of HALF.
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
constexpr int64_t PANEL = 2 * LANES;  // columns of `out` at a time, while there are so many
constexpr int64_t HALF = LANES / 2;

using Vector = float __attribute__((vector_size(LANES * 4), aligned(4), may_alias));
using HalfVector = float __attribute__((vector_size(HALF * 4), aligned(4), may_alias));

enum class Lies { Upright, Turned };

template <Lies lies, class V, int64_t vectors, int64_t height>
void multiplyTile(const float* a, int64_t aStride, const float* b, int64_t bStride, int64_t k, float* out,
                  int64_t outStride, bool add) {
  V sums[height][vectors] = {};
  for (int64_t i = 0; i < k; ++i, b += bStride) {
    V right[vectors];
#pragma GCC unroll 2
    for (int64_t v = 0; v < vectors; ++v) right[v] = reinterpret_cast<const V*>(b)[v];
#pragma GCC unroll 12
    for (int64_t r = 0; r < height; ++r) {
      const float left = lies == Lies::Turned ? a[i * aStride + r] : a[r * aStride + i];
#pragma GCC unroll 2
      for (int64_t v = 0; v < vectors; ++v) sums[r][v] += left * right[v];
    }
  }
#pragma GCC unroll 12
  for (int64_t r = 0; r < height; ++r) {
    V* row = reinterpret_cast<V*>(out + r * outStride);
#pragma GCC unroll 2
    for (int64_t v = 0; v < vectors; ++v) row[v] = add ? row[v] + sums[r][v] : sums[r][v];
  }
}

// Rows that do not fill a tile, by the largest power of two or less.
template <Lies lies, class V, int64_t vectors, int64_t height = HEIGHT>
void multiplyRows(const float* a, int64_t aStride, const float* b, int64_t bStride, int64_t m, int64_t k, float* out,
                  int64_t outStride, bool add) {
  for (; m >= height; m -= height, a += lies == Lies::Turned ? height : height * aStride, out += height * outStride)
    multiplyTile<lies, V, vectors, height>(a, aStride, b, bStride, k, out, outStride, add);
  if constexpr (height > 1) {
    if (m > 0) multiplyRows<lies, V, vectors, height / 2>(a, aStride, b, bStride, m, k, out, outStride, add);
  }
}

template <Lies lies = Lies::Upright>
void multiply(const float* a, int64_t aStride, const float* b, int64_t bStride, int64_t m, int64_t n, int64_t k,
              float* out, int64_t outStride, bool add = false) {
  int64_t j = 0;
  for (; j + PANEL <= n; j += PANEL)
    multiplyRows<lies, Vector, 2>(a, aStride, b + j, bStride, m, k, out + j, outStride, add);
  for (; j + LANES <= n; j += LANES)
    multiplyRows<lies, Vector, 1>(a, aStride, b + j, bStride, m, k, out + j, outStride, add);
  if (j < n) multiplyRows<lies, HalfVector, 1>(a, aStride, b + j, bStride, m, k, out + j, outStride, add);
}

}  // namespace undiffuse

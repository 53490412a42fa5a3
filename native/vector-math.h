// Elementwise functions that compilers turn into vector code, within about 2 roundings of float32. NaN gives NaN.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

namespace undiffuse {

inline float asFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
inline uint32_t asBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// exp(x) = 2ⁿ exp(r), |r| ≤ log(2) / 2. Beyond the bounds the result is 0 or infinity all the same.
inline float exponential(float x) {
  constexpr float magic = 12582912.f;  // 1.5 · 2²³: adding it rounds to a whole number, left in the low bits
  x = x < -104.f ? -104.f : x;
  x = x > 89.f ? 89.f : x;
  const float shifted = x * 1.44269504f + magic;
  const float n = shifted - magic;
  const float r = std::fma(n, -1.42860677e-6f, std::fma(n, -0.693145752f, x));
  float p = 1.37805939e-3f;  // minimax, njuffa
  p = std::fma(p, r, 8.37312452e-3f);
  p = std::fma(p, r, 4.16695364e-2f);
  p = std::fma(p, r, 1.66664720e-1f);
  p = std::fma(p, r, 4.99999851e-1f);
  p = std::fma(p, r, 1.f);
  p = std::fma(p, r, 1.f);
  // 2ⁿ in two factors, so that results below the smallest normal number are right as well.
  const int32_t whole = static_cast<int32_t>(asBits(shifted) - asBits(magic)), half = whole >> 1;
  const float low = asFloat(static_cast<uint32_t>(half + 127) << 23);
  const float high = asFloat(static_cast<uint32_t>(whole - half + 127) << 23);
  return p * low * high;
}

// For 1 / (1 + exp(x)), also of vectors (GCC's extension): exp(-87) below it, infinity from 88.4.
template <class V>
inline V steep(V x) {
  using Whole = decltype(x < x);  // int32 lanes
  constexpr float magic = 12582912.f;
  x = x < -87.f ? V{} - 87.f : x;
  x = x > 89.f ? V{} + 89.f : x;
  const V shifted = x * 1.44269504f + magic, n = shifted - magic;
  const V r = n * -1.42860677e-6f + (n * -0.693145752f + x);
  V p = r * 1.37805939e-3f + 8.37312452e-3f;
  p = p * r + 4.16695364e-2f;
  p = p * r + 1.66664720e-1f;
  p = p * r + 4.99999851e-1f;
  p = p * r + 1.f;
  p = p * r + 1.f;
  Whole bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits << 23) + (127 << 23);  // magic's low bits are 0 where they stay
  V power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
}
inline float steep(float x) { return exponential(x); }

inline float sigmoid(float x) { return 1.f / (1.f + exponential(-x)); }

inline float hyperbolicTangent(float x) {
  const float size = std::fabs(x), square = x * x;
  float p = -5.70498872745e-3f;  // Cephes tanhf, below 0.625
  p = std::fma(p, square, 2.06390887954e-2f);
  p = std::fma(p, square, -5.37397155531e-2f);
  p = std::fma(p, square, 1.33314422036e-1f);
  p = std::fma(p, square, -3.33332819422e-1f);
  const float small = std::fma(p * square, x, x);
  const float large = std::copysign(1.f - 2.f / (exponential(2.f * size) + 1.f), x);
  return size < 0.625f ? small : large;
}

inline float errorFunction(float x) {
  const float t = std::fabs(x), s = x * x;
  float r = std::fma(-1.72853470e-5f, t, 3.83197126e-4f);  // both branches: njuffa's erff
  const float u = std::fma(-3.88396438e-3f, t, 2.42546219e-2f);
  r = std::fma(r, s, u);
  r = std::fma(r, t, -1.06777877e-1f);
  r = std::fma(r, t, -6.34846687e-1f);
  r = std::fma(r, t, -1.28717512e-1f);
  r = std::fma(r, t, -t);
  const float large = std::copysign(1.f - exponential(r), x);
  float p = -5.96761703e-4f;
  p = std::fma(p, s, 4.99119423e-3f);
  p = std::fma(p, s, -2.67681349e-2f);
  p = std::fma(p, s, 1.12819925e-1f);
  p = std::fma(p, s, -3.76125336e-1f);
  p = std::fma(p, s, 1.28379166e-1f);
  const float small = std::fma(p, x, x);
  return t > 0.927734375f ? large : small;
}

}  // namespace undiffuse

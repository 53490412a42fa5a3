// The upper half of a float32, rounded to nearest even: its range, with eight bits of precision. NaN stays NaN.
#pragma once
#include "vector-math.h"

namespace undiffuse {

// The bits of float32 numbers, one or a vector of them, rounded; the result is in the lower halves.
template <class Bits>
inline Bits roundedBits(Bits bits) {
  const Bits nearest = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16, quiet = bits >> 16 | 0x40;
  return (bits & 0x7fffffff) > 0x7f800000 ? quiet : nearest;
}

struct Bf16 {
  uint16_t bits;

  Bf16() = default;
  explicit Bf16(float value) : bits(static_cast<uint16_t>(roundedBits(asBits(value)))) {}
  explicit operator float() const { return asFloat(static_cast<uint32_t>(bits) << 16); }
};

template <class In, class Out>
inline void convert(const In* in, int64_t n, Out* out) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<Out>(static_cast<float>(in[i]));
}

}  // namespace undiffuse

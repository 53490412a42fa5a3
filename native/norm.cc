// GroupNorm and its gradient on [n, c / block, positions, block]. A part is the fewest channels of a sample that are
// whole blocks and whole groups. Parts are the tasks, in two passes of which the second finds it in the cache if it is
// small; where parts are fewer than threads, the positions of each are split. Sums are taken for each channel, in
// registers over a tile of positions, and joined to groups afterwards.
#include <cmath>
#include <numeric>

#include "gemm.h"
#include "step.h"

namespace undiffuse {

namespace {

constexpr int64_t SUMMED = 64;  // positions that are added in float32 before they join a total in double

struct Shape {
  int64_t n, positions, c, groups, block;
  float eps;
  bool silu;
  int64_t channels;  // of a part
  int64_t splits;    // of its positions
  int threads;

  int64_t size() const { return n * positions * c; }
  int64_t parts() const { return n * c / channels; }
  int64_t partSize() const { return channels * positions; }
  int64_t firstChannel(int64_t part) const { return part * channels % c; }
  int64_t partGroups() const { return groups * channels / c; }
  int64_t first(int64_t group) const { return group * channels / partGroups(); }  // both counted in the part
  int64_t begin(int64_t split) const { return positions * split / splits; }
};

Shape readShape(Setup& setup) {
  Shape s{};
  for (int64_t* field : {&s.n, &s.positions, &s.c, &s.groups}) *field = setup.words.positive();
  if (s.groups > s.c) throw std::runtime_error("more groups than channels");
  s.eps = setup.words.real();
  s.silu = setup.words.next() != 0;
  s.block = setup.words.positive();
  if (s.c % s.block) throw std::runtime_error("channels are no multiple of the block");
  s.channels = s.c % s.groups ? s.c : std::lcm(s.block, s.c / s.groups);
  if (s.c % s.channels) s.channels = s.c;
  s.threads = threadsFor(s.size(), setup.threads);
  s.splits = s.parts() % s.threads == 0 || s.parts() >= 8 * s.threads ? 1
                                                                      : std::min<int64_t>(s.positions, 2 * s.threads);
  return s;
}

// body(part, split) for each, then after all of a part join(part), then finish(part, split) for each.
template <class Body, class Join, class Finish>
void inTwoPasses(const Shape& s, const Body& body, const Join& join, const Finish& finish) {
  if (s.splits == 1)
    return parallel(s.parts(), s.threads, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) body(i, 0), join(i), finish(i, 0);
    });
  parallel(s.parts() * s.splits, s.threads, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) body(i / s.splits, i % s.splits);
  });
  for (int64_t i = 0; i < s.parts(); ++i) join(i);
  parallel(s.parts() * s.splits, s.threads, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) finish(i / s.splits, i % s.splits);
  });
}

template <class T, int64_t lanes>
struct VectorOf {
  typedef T Type __attribute__((vector_size(lanes * sizeof(T))));
};

template <int64_t lanes>
struct Lanes {
  using V = typename VectorOf<float, lanes>::Type;
  using Bits = typename VectorOf<uint32_t, lanes>::Type;
  using Half = typename VectorOf<uint16_t, lanes>::Type;
  static V load(const float* from) {
    V value;
    std::memcpy(&value, from, sizeof value);
    return value;
  }
  static V load(const Bf16* from) {
    Half half;
    std::memcpy(&half, from, sizeof half);
    return reinterpret_cast<V>(__builtin_convertvector(half, Bits) << 16);
  }
  static void store(V value, float* to) { std::memcpy(to, &value, sizeof value); }
  static void store(V value, Bf16* to) {
    const Half half = __builtin_convertvector(roundedBits(reinterpret_cast<Bits>(value)), Half);
    std::memcpy(to, &half, sizeof half);
  }
};

template <>
struct Lanes<1> {
  using V = float;
  template <class T>
  static V load(const T* from) {
    return static_cast<float>(*from);
  }
  template <class T>
  static void store(V value, T* to) {
    *to = static_cast<T>(value);
  }
};

template <int64_t lanes, class Body>
void columns(int64_t j, int64_t end, const Body& body) {
  for (; j + lanes <= end; j += lanes) body(Lanes<lanes>(), j);
  if constexpr (lanes > 1) {
    if (j < end) columns<lanes / 2>(j, end, body);
  }
}

// A split of a part, in tiles of some lanes wide: body(lanes, channel in the part, where it begins, where the tile
// begins, positions), and after some positions of a block summed(its first channel). Where consecutive channels are
// many, `rows` positions are walked at a time, along these channels. All that the loops read is in locals, so that no
// store of a body can be taken to change it.
template <int64_t rows, class Body, class Summed>
void eachTile(const Shape& s, int64_t split, const Body& body, const Summed& summed) {
  const int64_t end = s.begin(split + 1), block = s.block, channels = s.channels, all = s.positions;
  const auto across = [&](int64_t channel, int64_t p, auto positions) {
    const int64_t first = channel * all, at = first + p * block;
    columns<LANES>(0, block, [&](auto lanes, int64_t j) { body(lanes, channel + j, first + j, at + j, positions); });
  };
  for (int64_t channel = 0; channel < channels; channel += block)
    for (int64_t p = s.begin(split); p < end;) {
      const int64_t until = std::min(p + SUMMED, end);
      if (block > 2 * LANES)
        for (; p + rows <= until; p += rows) across(channel, p, std::integral_constant<int64_t, rows>());
      if (p < until) across(channel, p, until - p);
      p = until;
      summed(channel);
    }
}

template <class Body>
void eachTile(const Shape& s, int64_t split, const Body& body) {
  eachTile<1>(s, split, body, [](int64_t) {});
}

// Two sums of each channel of a split of a part. body(..., sums, others) adds to those of a tile in float32.
template <class Body>
void sumTiles(const Shape& s, int64_t split, double* totals, const Body& body) {
  float *sums = reinterpret_cast<float*>(totals + 2 * s.channels), *others = sums + s.channels;
  std::fill_n(totals, 2 * s.channels, 0.);
  std::fill_n(sums, 2 * s.channels, 0.f);
  eachTile<4>(
      s, split,
      [&](auto lanes, int64_t channel, int64_t first, int64_t at, auto positions) {
        body(lanes, channel, first, at, positions, sums + channel, others + channel);
      },
      [&](int64_t channel) {
        for (int64_t j = channel; j < channel + s.block; ++j) {
          totals[j] += static_cast<double>(sums[j]), totals[s.channels + j] += static_cast<double>(others[j]);
          sums[j] = others[j] = 0;
        }
      });
}

// What the passes after the statistics take of each channel of a part.
struct Coefficients {
  float *mean, *factor;     // y = (x - mean) · factor + shift
  float *constant, *slope;  // dx = dy · factor - constant - (x - mean) · slope
  const float* shift;

  static constexpr int64_t COUNT = 4;
  Coefficients(float* own, int64_t channels, const float* shift)
      : mean(own), factor(own + channels), constant(own + 2 * channels), slope(own + 3 * channels), shift(shift) {}

  void begin(const Shape& s, const float* statistics, const float* scale) {
    for (int64_t g = 0; g < s.partGroups(); ++g)
      for (int64_t j = s.first(g); j < s.first(g + 1); ++j) {
        mean[j] = statistics[2 * g];
        factor[j] = scale[j] * statistics[2 * g + 1];
      }
  }
};

// Memory that both operations use: sums of each split of each part, and coefficients of each part.
struct Memory {
  static constexpr int64_t PER_CHANNEL = 3;  // two totals in double, and two sums in float32 that join them
  Region totals, coefficients;

  Memory(Setup& setup, const Shape& s)
      : totals(setup.reserve(sizeof(double) * s.parts() * s.splits * PER_CHANNEL * s.channels)),
        coefficients(setup.reserve(sizeof(float) * s.parts() * Coefficients::COUNT * s.channels)) {}

  double* totalsOf(const Shape& s, int64_t part, int64_t split = 0) const {
    return totals.as<double>() + (part * s.splits + split) * PER_CHANNEL * s.channels;
  }
  Coefficients of(const Shape& s, int64_t part, const Value* shift) const {
    return {coefficients.as<float>() + part * Coefficients::COUNT * s.channels, s.channels,
            shift->floats() + s.firstChannel(part)};
  }
};

// Adds, for each of some channels, the sum of x - origin to `sums` and that of its square to `squares`.
template <class L, class N, class T>
inline void moments(L, const T* x, const T* origin, int64_t stride, N positions, float* sums, float* squares) {
  using V = typename L::V;
  const V o = L::load(origin);
  V sum[4] = {}, square[4] = {};
  int64_t p = 0;
  for (; p + 4 <= positions; p += 4) {
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r, x += stride) {
      const V a = L::load(x) - o;
      sum[r] += a;
      square[r] += a * a;
    }
  }
  for (; p < positions; ++p, x += stride) {
    const V a = L::load(x) - o;
    sum[0] += a;
    square[0] += a * a;
  }
  L::store(L::load(sums) + ((sum[0] + sum[1]) + (sum[2] + sum[3])), sums);
  L::store(L::load(squares) + ((square[0] + square[1]) + (square[2] + square[3])), squares);
}

template <class T>
void sumMoments(const Shape& s, const T* x, int64_t split, double* totals) {
  const int64_t block = s.block;
  sumTiles(s, split, totals,
           [&](auto lanes, int64_t, int64_t first, int64_t at, auto positions, float* sums, float* squares) {
             moments(lanes, x + at, x + first, block, positions, sums, squares);
           });
}

// Mean and 1 / √(variance + eps) of each group of a part, from the moments of each split.
template <class T>
void joinMoments(const Shape& s, const T* x, const double* totals, float* statistics) {
  const double positions = static_cast<double>(s.positions);
  const auto origin = [&](int64_t j) { return static_cast<float>(x[j / s.block * s.block * s.positions + j % s.block]); };
  const auto total = [&](int64_t at) {
    double sum = 0;
    for (int64_t k = 0; k < s.splits; ++k) sum += totals[k * Memory::PER_CHANNEL * s.channels + at];
    return sum;
  };
  for (int64_t g = 0; g < s.partGroups(); ++g) {
    const int64_t begin = s.first(g), end = s.first(g + 1);
    const double count = static_cast<double>(end - begin);
    double mean = 0, squares = 0;
    for (int64_t j = begin; j < end; ++j) mean += (origin(j) + total(j) / positions) / count;
    for (int64_t j = begin; j < end; ++j) {
      const double sum = total(j), offset = origin(j) + sum / positions - mean;
      squares += std::max(0., total(s.channels + j) - sum * sum / positions) + positions * offset * offset;
    }
    // std::max drops a NaN second operand: the mean carries it.
    statistics[2 * g] = static_cast<float>(mean);
    statistics[2 * g + 1] = static_cast<float>(1. / std::sqrt(squares / (count * positions) + s.eps + 0. * mean));
  }
}

template <bool silu, class L, class N, class T>
inline void normalise(L, const T* x, const Coefficients& of, int64_t j, int64_t stride, N positions, T* out) {
  using V = typename L::V;
  const V mean = L::load(of.mean + j), factor = L::load(of.factor + j), shift = L::load(of.shift + j);
  for (int64_t p = 0; p < positions; ++p, x += stride, out += stride) {
    const V y = (L::load(x) - mean) * factor + shift;
    L::store(silu ? y / (1.f + steep(-y)) : y, out);
  }
}

// Adds, for each of some channels, the sum of dy to `sums` and that of dy · (x - mean) to `products`, where dy has been
// taken back through the SiLU and, if wanted, is kept.
template <bool silu, bool keep, class L, class N, class T>
inline void gradientSums(L, const T* x, const T* dy, const Coefficients& of, int64_t j, int64_t stride, N positions,
                         T* kept, float* sums, float* products) {
  using V = typename L::V;
  const V mean = L::load(of.mean + j), factor = L::load(of.factor + j), shift = L::load(of.shift + j);
  V sum[4] = {}, product[4] = {};
  const auto one = [&](V& sum, V& product) {
    const V centred = L::load(x) - mean;
    V d = L::load(dy);
    if (silu) {
      const V y = centred * factor + shift, s = 1.f / (1.f + steep(-y));
      d *= s * (1.f + y * (1.f - s));
    }
    sum += d;
    product += d * centred;
    x += stride, dy += stride;
    if (keep) L::store(d, kept), kept += stride;
  };
  int64_t p = 0;
  for (; p + 4 <= positions; p += 4) {
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) one(sum[r], product[r]);
  }
  for (; p < positions; ++p) one(sum[0], product[0]);
  L::store(L::load(sums) + ((sum[0] + sum[1]) + (sum[2] + sum[3])), sums);
  L::store(L::load(products) + ((product[0] + product[1]) + (product[2] + product[3])), products);
}

// The sums of a part become those of dy and dy · x̂; from them the coefficients of
// dx = (dy · scale - mean(dy · scale) - x̂ · mean(dy · scale · x̂)) / σ.
void joinGradient(const Shape& s, const float* statistics, const float* scale, double* totals,
                  const Coefficients& of) {
  for (int64_t g = 0; g < s.partGroups(); ++g) {
    const int64_t begin = s.first(g), end = s.first(g + 1);
    const double inverse = statistics[2 * g + 1], count = static_cast<double>((end - begin) * s.positions);
    double sum = 0, product = 0;
    for (int64_t k = 0; k < s.splits; ++k)
      for (int64_t j = begin; j < end; ++j) {
        double* total = totals + k * Memory::PER_CHANNEL * s.channels + j;
        total[s.channels] *= inverse;
        sum += scale[j] * total[0];
        product += scale[j] * total[s.channels];
      }
    std::fill(of.constant + begin, of.constant + end, static_cast<float>(sum / count * inverse));
    std::fill(of.slope + begin, of.slope + end, static_cast<float>(product / count * inverse * inverse));
  }
}

// `dy` may be `dx`.
template <class L, class N, class T>
inline void inputGradient(L, const T* x, const T* dy, const Coefficients& of, int64_t j, int64_t stride, N positions,
                          T* dx) {
  using V = typename L::V;
  const V mean = L::load(of.mean + j), factor = L::load(of.factor + j), constant = L::load(of.constant + j),
          slope = L::load(of.slope + j);
  for (int64_t p = 0; p < positions; ++p, x += stride, dy += stride, dx += stride)
    L::store(L::load(dy) * factor - (constant + (L::load(x) - mean) * slope), dx);
}

// The passes over a split of a part.

template <bool silu, class T>
void writeNormal(const Shape& s, const T* x, Coefficients of, int64_t split, T* out) {
  const int64_t block = s.block;
  eachTile(s, split, [&](auto lanes, int64_t channel, int64_t, int64_t at, auto positions) {
    normalise<silu>(lanes, x + at, of, channel, block, positions, out + at);
  });
}

template <bool silu, bool keep, class T>
void sumGradient(const Shape& s, const T* x, const T* dy, Coefficients of, int64_t split, T* kept, double* totals) {
  const int64_t block = s.block;
  sumTiles(s, split, totals,
           [&](auto lanes, int64_t channel, int64_t, int64_t at, auto positions, float* sums, float* products) {
             gradientSums<silu, keep>(lanes, x + at, dy + at, of, channel, block, positions,
                                      keep ? kept + at : nullptr, sums, products);
           });
}

template <class T>
void writeGradient(const Shape& s, const T* x, const T* dy, Coefficients of, int64_t split, T* dx) {
  const int64_t block = s.block;
  eachTile(s, split, [&](auto lanes, int64_t channel, int64_t, int64_t at, auto positions) {
    inputGradient(lanes, x + at, dy + at, of, channel, block, positions, dx + at);
  });
}

template <class T>
T* partOf(const Shape& s, const Value* value, int64_t part) {
  return value->as<T>() + part * s.partSize();
}

struct Norm {
  const Value *x, *scale, *shift, *out, *statistics;
};

template <class T>
Step prepareNorm(Setup& setup, const Shape& s, const Norm& norm) {
  const auto [x, scale, shift, out, statistics] = norm;
  const Memory memory(setup, s);
  const auto normal = s.silu ? writeNormal<true, T> : writeNormal<false, T>;
  return [=, x = x, scale = scale, shift = shift, out = out, statistics = statistics] {
    inTwoPasses(
        s,
        [&](int64_t part, int64_t split) {
          sumMoments(s, partOf<T>(s, x, part), split, memory.totalsOf(s, part, split));
        },
        [&](int64_t part) {
          float* of = statistics->floats() + part * s.partGroups() * 2;
          joinMoments(s, partOf<T>(s, x, part), memory.totalsOf(s, part), of);
          memory.of(s, part, shift).begin(s, of, scale->floats() + s.firstChannel(part));
        },
        [&](int64_t part, int64_t split) {
          normal(s, partOf<T>(s, x, part), memory.of(s, part, shift), split, partOf<T>(s, out, part));
        });
  };
}

struct NormGrad {
  const Value *x, *scale, *shift, *dy, *statistics, *dx, *dscale, *dshift;
};

template <class T>
Step prepareNormGrad(Setup& setup, const Shape& s, const NormGrad& norm) {
  const auto [x, scale, shift, dy, statistics, dx, dscale, dshift] = norm;
  const Memory memory(setup, s);
  const Region own = setup.reserve(statistics ? 0 : sizeof(float) * s.n * s.groups * 2);
  // The derivative of SiLU is taken once: dx holds dy taken back through it until the second pass.
  const bool keep = s.silu && dx;
  const auto sums = keep     ? sumGradient<true, true, T>
                    : s.silu ? sumGradient<true, false, T>
                             : sumGradient<false, false, T>;
  return [=] {
    const auto statisticsOf = [&](int64_t part) {
      return (statistics ? statistics->floats() : own.as<float>()) + part * s.partGroups() * 2;
    };
    const auto scaleOf = [&](int64_t part) { return scale->floats() + s.firstChannel(part); };
    if (!statistics)
      inTwoPasses(
          s,
          [&](int64_t part, int64_t split) {
            sumMoments(s, partOf<T>(s, x, part), split, memory.totalsOf(s, part, split));
          },
          [&](int64_t part) {
            joinMoments(s, partOf<T>(s, x, part), memory.totalsOf(s, part), statisticsOf(part));
          },
          [](int64_t, int64_t) {});
    for (int64_t part = 0; part < s.parts(); ++part)
      memory.of(s, part, shift).begin(s, statisticsOf(part), scaleOf(part));
    inTwoPasses(
        s,
        [&](int64_t part, int64_t split) {
          sums(s, partOf<T>(s, x, part), partOf<T>(s, dy, part), memory.of(s, part, shift), split,
               keep ? partOf<T>(s, dx, part) : nullptr, memory.totalsOf(s, part, split));
        },
        [&](int64_t part) {
          joinGradient(s, statisticsOf(part), scaleOf(part), memory.totalsOf(s, part), memory.of(s, part, shift));
        },
        [&](int64_t part, int64_t split) {
          if (dx)
            writeGradient(s, partOf<T>(s, x, part), partOf<T>(s, keep ? dx : dy, part), memory.of(s, part, shift), split,
                          partOf<T>(s, dx, part));
        });
    for (int64_t j = 0; j < s.c; ++j) {
      double sum = 0, product = 0;
      for (int64_t part = j / s.channels; part < s.parts(); part += s.c / s.channels)
        for (int64_t split = 0; split < s.splits; ++split) {
          const double* total = memory.totalsOf(s, part, split) + j % s.channels;
          sum += total[0];
          product += total[s.channels];
        }
      if (dscale) dscale->floats()[j] = static_cast<float>(product);
      if (dshift) dshift->floats()[j] = static_cast<float>(sum);
    }
  };
}

}  // namespace

Step prepareGroupNorm(Setup& setup) {
  Norm norm{};
  norm.x = setup.real(), norm.scale = setup.value(), norm.shift = setup.value();
  norm.out = setup.value(0, norm.x->dtype), norm.statistics = setup.value();
  const Shape s = readShape(setup);
  need(norm.x, s.size()), need(norm.out, s.size()), need(norm.scale, s.c), need(norm.shift, s.c);
  need(norm.statistics, s.n * s.groups * 2);
  return withReal(norm.x->dtype, [&](auto t) { return prepareNorm<decltype(t)>(setup, s, norm); });
}

Step prepareGroupNormGrad(Setup& setup) {
  NormGrad norm{};
  norm.x = setup.real(), norm.scale = setup.value(), norm.shift = setup.value();
  norm.dy = setup.value(0, norm.x->dtype), norm.statistics = setup.optional();
  norm.dx = setup.optional(norm.x->dtype), norm.dscale = setup.optional(), norm.dshift = setup.optional();
  const Shape s = readShape(setup);
  need(norm.x, s.size()), need(norm.dy, s.size()), need(norm.dx, s.size());
  need(norm.scale, s.c), need(norm.shift, s.c), need(norm.dscale, s.c), need(norm.dshift, s.c);
  need(norm.statistics, s.n * s.groups * 2);
  return withReal(norm.x->dtype, [&](auto t) { return prepareNormGrad<decltype(t)>(setup, s, norm); });
}

}  // namespace undiffuse

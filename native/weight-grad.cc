// The gradient in the weight of a convolution over images in blocks of 8 channels, where it is a matrix product whose
// inner dimension is the pixels: a tile of it, some taps and channels of x by some channels of dy, stays in registers
// over a chunk of pixels that fits the nearest cache. oneDNN's own for AVX2 leaves a third of the processor idle.
#include <array>

#include "conv.h"
#include "primitive.h"

namespace undiffuse {

namespace {

constexpr int64_t BLOCK = 8;
constexpr int64_t WIDTH = 2 * BLOCK;  // channels of dy in a task
constexpr int64_t CHUNK = 192;        // pixels of dy: with the tile and x under it 27 KiB or less

typedef float Vector __attribute__((vector_size(BLOCK * 4)));

// How some pixels of dy, [images, rows, width], and those of x under them lie: floats from one to the next.
struct Walk {
  int64_t images, rows, width;
  int64_t xImage, xRow, xPixel;
  int64_t dyImage, dyBlock;
};

// sums [taps, BLOCK, WIDTH] += x at the taps · dy. A function of its own, so that its registers are its own.
template <int taps, int channels, int vectors>
__attribute__((noinline)) void accumulate(const Walk& walk, const float* x, const float* dy, float* sums) {
  Vector tile[taps][channels][vectors] = {};
  const int64_t width = walk.width, xPixel = walk.xPixel, dyBlock = walk.dyBlock;
  for (int64_t image = 0; image < walk.images; ++image)
    for (int64_t i = 0; i < walk.rows; ++i) {
      const float* left = x + image * walk.xImage + i * walk.xRow;
      const float* right = dy + image * walk.dyImage + i * width * BLOCK;
      for (int64_t j = 0; j < width; ++j, left += xPixel, right += BLOCK) {
        Vector of[vectors];
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) std::memcpy(&of[v], right + v * dyBlock, sizeof(Vector));
#pragma GCC unroll 3
        for (int t = 0; t < taps; ++t)
#pragma GCC unroll 8
          for (int c = 0; c < channels; ++c)
#pragma GCC unroll 2
            for (int v = 0; v < vectors; ++v) tile[t][c][v] += left[t * BLOCK + c] * of[v];
      }
    }
  for (int t = 0; t < taps; ++t)
    for (int c = 0; c < channels; ++c)
      for (int v = 0; v < vectors; ++v) {
        float* to = sums + (t * BLOCK + c) * WIDTH + v * BLOCK;
        Vector sum;
        std::memcpy(&sum, to, sizeof sum);
        sum += tile[t][c][v];
        std::memcpy(to, &sum, sizeof sum);
      }
}

// The same over all channels of a block, as many at a time as registers hold.
template <int taps, int vectors>
void accumulateBlock(const Walk& walk, const float* x, const float* dy, float* sums) {
  constexpr int channels = taps * vectors == 6 ? 2 : taps * vectors == 1 ? 8 : 4;
  for (int c = 0; c < BLOCK; c += channels) accumulate<taps, channels, vectors>(walk, x + c, dy, sums + c * WIDTH);
}

struct Tasks {
  ConvShape s;
  int64_t splits = 1;  // of the batch

  int64_t wide() const { return (s.m + WIDTH - 1) / WIDTH; }
  int64_t count() const { return s.c / BLOCK * wide(); }
  int64_t tile() const { return s.kh * s.kw * BLOCK * WIDTH; }
  // Of a chunk: rows of dy, images, and what of x is under them with zeros around.
  int64_t rows() const { return std::min(s.oh, std::max<int64_t>(1, CHUNK / s.ow)); }
  int64_t images() const { return std::min(s.n, std::max<int64_t>(1, CHUNK / (s.oh * s.ow))); }
  bool padded() const { return s.top || s.left || s.bottom || s.right; }
  int64_t paddedRows() const { return (rows() - 1) * s.stride + s.kh; }
  int64_t paddedRow() const { return (s.left + s.w + s.right) * BLOCK; }
  int64_t paddedImage() const { return paddedRows() * paddedRow(); }
};

// Rows of a plane of x [h, w, BLOCK] from `first` on, with zeros around them.
void copyPadded(const Tasks& tasks, const float* plane, int64_t first, float* to) {
  const ConvShape& s = tasks.s;
  for (int64_t row = first; row < first + tasks.paddedRows(); ++row, to += tasks.paddedRow()) {
    if (row < 0 || row >= s.h) {
      std::fill_n(to, tasks.paddedRow(), 0.f);
      continue;
    }
    std::fill_n(to, s.left * BLOCK, 0.f);
    std::copy_n(plane + row * s.w * BLOCK, s.w * BLOCK, to + s.left * BLOCK);
    std::fill_n(to + (s.left + s.w) * BLOCK, s.right * BLOCK, 0.f);
  }
}

// What images `begin` to `end` give to a tile [kh, kw, BLOCK, WIDTH] of the gradient.
template <int taps, int vectors>
void accumulateTask(const Tasks& tasks, int64_t begin, int64_t end, const float* x, const float* dy, float* copy,
                    float* sums) {
  const ConvShape& s = tasks.s;
  const int64_t image = s.c * s.h * s.w, row = tasks.padded() ? tasks.paddedRow() : s.w * BLOCK;
  Walk walk{0, 0, s.ow, 0, s.stride * row, s.stride * BLOCK, s.m * s.oh * s.ow, s.oh * s.ow * BLOCK};
  walk.xImage = tasks.padded() ? tasks.paddedImage() : image;
  std::fill_n(sums, tasks.tile(), 0.f);
  for (int64_t n = begin; n < end; n += tasks.images())
    for (int64_t i = 0; i < s.oh; i += tasks.rows()) {
      walk.images = std::min(tasks.images(), end - n);
      walk.rows = std::min(tasks.rows(), s.oh - i);
      const float* from = x + n * image + i * s.stride * row;
      if (tasks.padded()) {
        for (int64_t k = 0; k < walk.images; ++k)
          copyPadded(tasks, x + (n + k) * image, i * s.stride - s.top, copy + k * walk.xImage);
        from = copy;
      }
      for (int64_t tap = 0; tap < s.kh * s.kw; tap += taps)
        accumulateBlock<taps, vectors>(walk, from + tap / s.kw * row + tap % s.kw * BLOCK,
                                       dy + n * walk.dyImage + i * s.ow * BLOCK, sums + tap * BLOCK * WIDTH);
    }
}

using Accumulate = decltype(&accumulateTask<1, 1>);

Step prepareFloats(Setup& setup, const ConvShape& shape, const Value* x, const Value* dy, const Value* dweight) {
  Tasks tasks{shape};
  tasks.splits = splitsFor(tasks.count(), shape.n, setup.threads);
  const size_t copyFloats = tasks.padded() ? tasks.images() * tasks.paddedImage() : 0;
  const Region copies = setup.reserve(setup.threads * copyFloats * sizeof(float));
  const Region tiles = setup.reserve(tasks.splits * tasks.count() * tasks.tile() * sizeof(float));
  const bool three = shape.kw % 3 == 0;
  const Accumulate whole = three ? accumulateTask<3, 2> : accumulateTask<1, 2>;
  const Accumulate half = three ? accumulateTask<3, 1> : accumulateTask<1, 1>;
  return [=, &setup] {
    const ConvShape& s = tasks.s;
    const int64_t count = tasks.count(), wide = tasks.wide(), splits = tasks.splits;
    float* sums = tiles.as<float>();
    parallel(count * splits, setup.threads, [&](int64_t begin, int64_t end, int thread) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t split = i % splits, c = i / splits / wide * BLOCK, m = i / splits % wide * WIDTH;
        const Accumulate accumulateSome = m + WIDTH <= s.m ? whole : half;
        accumulateSome(tasks, s.n * split / splits, s.n * (split + 1) / splits, x->floats() + c * s.h * s.w,
                       dy->floats() + m * s.oh * s.ow, copies.as<float>() + thread * copyFloats,
                       sums + i * tasks.tile());
      }
    });
    const int64_t taps = s.kh * s.kw;
    parallel(count, setup.threads, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        float* total = sums + i * splits * tasks.tile();
        addSplits(total, splits, tasks.tile());
        const int64_t c = i / wide * BLOCK, m = i % wide * WIDTH;
        for (int64_t k = 0; k < std::min(WIDTH, s.m - m); ++k)
          for (int64_t j = 0; j < BLOCK; ++j)
            for (int64_t tap = 0; tap < taps; ++tap)
              dweight->floats()[((m + k) * s.c + c + j) * taps + tap] = total[(tap * BLOCK + j) * WIDTH + k];
      }
    });
  };
}

}  // namespace

Step prepareBlockedWeightGrad(Setup& setup, const ConvShape& shape, const Value* x, const Value* dy,
                              const Value* dweight) {
  if (x->dtype == Float32 && dy->dtype == Float32) return prepareFloats(setup, shape, x, dy, dweight);
  struct Factor {
    const Value* given;
    std::shared_ptr<Value> rounded;
    Region memory;
  };
  const auto round = [&](const Value* value) {
    Factor factor{value, std::make_shared<Value>(*value), setup.reserve(value->size * sizeof(float))};
    factor.rounded->dtype = Float32;
    return factor;
  };
  const std::array<Factor, 2> factors{round(x), round(dy)};
  const Step step = prepareFloats(setup, shape, factors[0].rounded.get(), factors[1].rounded.get(), dweight);
  return [=, &setup] {
    for (const Factor& factor : factors) {
      factor.rounded->data = factor.memory.as<uint8_t>();
      copyRounded(factor.given, factor.given->size, factor.memory.as<float>(), setup.threads);
    }
    step();
  };
}

}  // namespace undiffuse

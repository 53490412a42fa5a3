// Attention and its gradients: for each block of queries of a head the scores and what is made of them stay in the cache.
// k and v are laid out for that, in float32, with rows of whole or half vectors: dense, or transposed where they are
// multiplied by rows.
#include "gemm.h"
#include "step.h"

namespace undiffuse {

namespace {

constexpr int64_t SCORES = 32768;  // of a block of queries, at most: 128 KiB
constexpr int64_t MOST = 8 * HEIGHT;
constexpr int64_t SUMMED = 256;  // keys whose values are added up before they join a sum

int64_t padded(int64_t n) { return (n + HALF - 1) / HALF * HALF; }

struct Shape {
  int64_t batch, queries, keys, heads, width, valueWidth;
  float scale;

  int64_t all() const { return batch * heads; }
  // Queries whose scores, so many times over, are at hand at once.
  int64_t block(int64_t times) const {
    return std::clamp(SCORES / times / padded(keys) / HEIGHT * HEIGHT, HEIGHT, MOST);
  }
  int64_t blocks(int64_t times) const { return (queries + block(times) - 1) / block(times); }
};

Shape readShape(Words& words) {
  Shape s{};
  for (int64_t* field : {&s.batch, &s.queries, &s.keys, &s.heads, &s.width, &s.valueWidth}) *field = words.positive();
  s.scale = words.real();
  return s;
}

// The rows of one head in a value [batch, rows, heads · width].
struct Rows {
  const Value* value;
  int64_t begin, stride, width;

  Rows(const Value* value, const Shape& s, int64_t head, int64_t rows, int64_t width)
      : value(value), begin((head / s.heads * rows * s.heads + head % s.heads) * width), stride(s.heads * width), width(width) {}

  void read(int64_t row, float* out) const {
    const int64_t at = begin + row * stride;
    if (value->dtype == BFloat16) return convert(value->as<Bf16>() + at, width, out);
    std::copy_n(value->floats() + at, width, out);
  }
  void write(int64_t row, const float* in) const {
    const int64_t at = begin + row * stride;
    if (value->dtype == BFloat16) return convert(in, width, value->as<Bf16>() + at);
    std::copy_n(in, width, value->floats() + at);
  }
};

// `scale` times the rows, [count, padded width], with zeros behind.
void pack(const Rows& rows, int64_t first, int64_t count, float* out, float scale = 1) {
  for (int64_t i = 0; i < count; ++i, out += padded(rows.width)) {
    rows.read(first + i, out);
    for (int64_t d = 0; d < rows.width; ++d) out[d] *= scale;
    std::fill(out + rows.width, out + padded(rows.width), 0.f);
  }
}

// [width, padded count], with zeros behind; `line` has room for LANES rows.
void packTurned(const Rows& rows, int64_t count, float* line, float* out) {
  const int64_t row = padded(count);
  for (int64_t first = 0; first < count; first += LANES) {
    const int64_t some = std::min(LANES, count - first);
    for (int64_t i = 0; i < some; ++i) rows.read(first + i, line + i * rows.width);
    for (int64_t d = 0; d < rows.width; ++d)
      for (int64_t i = 0; i < some; ++i) out[d * row + first + i] = line[i * rows.width + d];
  }
  for (int64_t d = 0; d < rows.width; ++d) std::fill(out + d * row + count, out + (d + 1) * row, 0.f);
}

// Scores become exp(score - largest); gives 1 / their sum.
float exponentials(float* scores, int64_t n) {
  float largest = scores[0], sum = 0;
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < n; ++i) largest = largest < scores[i] ? scores[i] : largest;
  const int64_t whole = n / LANES * LANES;
  Vector sums{};
  for (int64_t i = 0; i < whole; i += LANES) {
    Vector* at = reinterpret_cast<Vector*>(scores + i);
    sums += *at = steep(Vector(*at - largest));
  }
  for (int64_t lane = 0; lane < LANES; ++lane) sum += sums[lane];
  for (int64_t i = whole; i < n; ++i) sum += scores[i] = exponential(scores[i] - largest);
  return 1.f / sum;
}

// scores [count, keys] · rows [keys, width]: long sums are sums of sums.
void weigh(const float* scores, int64_t row, const float* rows, int64_t width, int64_t count, int64_t keys, float* out) {
  for (int64_t key = 0; key < keys; key += SUMMED)
    multiply(scores + key, row, rows + key * width, width, count, width, std::min(SUMMED, keys - key), out, width,
             key > 0);
}

// Memory for floats, one part after the other.
struct Cut {
  float* next;
  float* take(int64_t count) {
    float* taken = next;
    next += padded(count);
    return taken;
  }
};

struct Forward {
  Shape s;
  const Value *q, *k, *v, *out;

  int64_t block() const { return s.block(1); }
  int64_t blocks() const { return s.blocks(1); }
  int64_t packedKeys() const { return s.width * padded(s.keys); }
  int64_t packedValues() const { return s.keys * padded(s.valueWidth); }
  int64_t scratch() const {
    const int64_t rows = block();
    return rows * (padded(s.keys) + padded(s.valueWidth) + padded(s.width)) + padded(LANES * s.width);
  }

  void attend(int64_t head, int64_t first, const float* keys, const float* values, float* memory) const {
    const int64_t row = padded(s.keys), width = padded(s.valueWidth), count = std::min(block(), s.queries - first);
    Cut cut{memory};
    float *scores = cut.take(block() * row), *result = cut.take(block() * width), *queries = cut.take(block() * padded(s.width));
    float factors[MOST];
    pack({q, s, head, s.queries, s.width}, first, count, queries, s.scale);
    multiply(queries, padded(s.width), keys, row, count, row, s.width, scores, row);
    for (int64_t i = 0; i < count; ++i) factors[i] = exponentials(scores + i * row, s.keys);
    weigh(scores, row, values, width, count, s.keys, result);
    const Rows to(out, s, head, s.queries, s.valueWidth);
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t j = 0; j < width; ++j) result[i * width + j] *= factors[i];
      to.write(first + i, result + i * width);
    }
  }
};

struct Backward {
  Shape s;
  const Value *q, *k, *v, *y, *dy, *dq, *dk, *dv;
  int64_t splits;  // of a head's queries, where heads alone do not fill the threads

  int64_t block() const { return s.block(2); }
  int64_t blocks() const { return s.blocks(2); }
  int64_t sums() const { return s.keys * (padded(s.width) + padded(s.valueWidth)); }
  int64_t scratch() const {
    const int64_t row = padded(s.keys), widths = padded(s.width) + padded(s.valueWidth);
    return block() * (2 * row + 2 * widths) + s.keys * padded(s.width) + (s.width + s.valueWidth) * row +
           padded(LANES * std::max(s.width, s.valueWidth));
  }

  // What queries first to last give: dq, and what they add to dk and dv, [keys, padded width] each.
  void differentiate(int64_t head, int64_t first, int64_t last, float* memory, float* sums) const {
    const int64_t row = padded(s.keys), width = padded(s.width), valueWidth = padded(s.valueWidth);
    Cut cut{memory};
    float *scores = cut.take(block() * row), *slopes = cut.take(block() * row);
    float *queries = cut.take(block() * width), *gradients = cut.take(block() * valueWidth);
    float *result = cut.take(block() * width), *attended = cut.take(block() * valueWidth);
    float *keys = cut.take(s.keys * width), *turnedKeys = cut.take(s.width * row);
    float *turnedValues = cut.take(s.valueWidth * row), *line = cut.take(LANES * std::max(s.width, s.valueWidth));
    const Rows kRows(k, s, head, s.keys, s.width);
    pack(kRows, 0, s.keys, keys);
    packTurned(kRows, s.keys, line, turnedKeys);
    packTurned({v, s, head, s.keys, s.valueWidth}, s.keys, line, turnedValues);
    std::fill_n(sums, this->sums(), 0.f);
    for (; first < last; first += block()) {
      const int64_t count = std::min(block(), last - first);
      pack({q, s, head, s.queries, s.width}, first, count, queries, s.scale);
      pack({dy, s, head, s.queries, s.valueWidth}, first, count, gradients);
      pack({y, s, head, s.queries, s.valueWidth}, first, count, attended);
      multiply(queries, width, turnedKeys, row, count, row, s.width, scores, row);
      multiply(gradients, valueWidth, turnedValues, row, count, row, s.valueWidth, slopes, row);
      for (int64_t i = 0; i < count; ++i) slope(scores + i * row, slopes + i * row, gradients + i * valueWidth, attended + i * valueWidth);
      if (dv) multiply<Lies::Turned>(scores, row, gradients, valueWidth, s.keys, valueWidth, count, sums + s.keys * width, valueWidth, true);
      if (dk) multiply<Lies::Turned>(slopes, row, queries, width, s.keys, width, count, sums, width, true);
      if (!dq) continue;
      weigh(slopes, row, keys, width, count, s.keys, result);
      const Rows to(dq, s, head, s.queries, s.width);
      for (int64_t i = 0; i < count; ++i) {
        for (int64_t d = 0; d < s.width; ++d) result[i * width + d] *= s.scale;
        to.write(first + i, result + i * width);
      }
    }
  }

  // Of one query: scores become weights P, and dy vᵀ the gradient in the scores, P ∘ (dy vᵀ − Σ dy ∘ y).
  void slope(float* scores, float* slopes, const float* gradient, const float* attended) const {
    const float factor = exponentials(scores, s.keys);
    float delta = 0;
#pragma omp simd reduction(+ : delta)
    for (int64_t j = 0; j < s.valueWidth; ++j) delta += gradient[j] * attended[j];
#pragma omp simd
    for (int64_t j = 0; j < s.keys; ++j) {
      scores[j] *= factor;
      slopes[j] = scores[j] * (slopes[j] - delta);
    }
  }

  void store(int64_t head, const float* sums) const {
    const int64_t width = padded(s.width);
    const float* ofValues = sums + s.keys * width;
    if (dk) {
      const Rows to(dk, s, head, s.keys, s.width);
      for (int64_t i = 0; i < s.keys; ++i) to.write(i, sums + i * width);
    }
    if (dv) {
      const Rows to(dv, s, head, s.keys, s.valueWidth);
      for (int64_t i = 0; i < s.keys; ++i) to.write(i, ofValues + i * padded(s.valueWidth));
    }
  }
};

}  // namespace

Step prepareAttention(Setup& setup) {
  Forward f{};
  for (const Value** each : {&f.q, &f.k, &f.v, &f.out}) *each = setup.real();
  f.s = readShape(setup.words);
  const Shape& s = f.s;
  need(f.q, s.all() * s.queries * s.width), need(f.k, s.all() * s.keys * s.width);
  need(f.v, s.all() * s.keys * s.valueWidth), need(f.out, s.all() * s.queries * s.valueWidth);
  const int threads = threadsFor(s.all() * s.queries * s.keys * (s.width + s.valueWidth), setup.threads);
  const int64_t blocks = f.blocks();
  const Region packedKeys = setup.reserve(sizeof(float) * s.all() * f.packedKeys());
  const Region packedValues = setup.reserve(sizeof(float) * s.all() * f.packedValues());
  const Region scratch = setup.reserve(sizeof(float) * threads * f.scratch());
  return [=] {
    const Shape& s = f.s;
    parallel(s.all(), threads, [&](int64_t begin, int64_t end, int thread) {
      for (int64_t i = begin; i < end; ++i) {
        packTurned({f.k, s, i, s.keys, s.width}, s.keys, scratch.as<float>() + thread * f.scratch(),
                   packedKeys.as<float>() + i * f.packedKeys());
        pack({f.v, s, i, s.keys, s.valueWidth}, 0, s.keys, packedValues.as<float>() + i * f.packedValues());
      }
    });
    parallel(s.all() * blocks, threads, [&](int64_t begin, int64_t end, int thread) {
      for (int64_t task = begin; task < end; ++task) {
        const int64_t i = task / blocks;
        f.attend(i, task % blocks * f.block(), packedKeys.as<float>() + i * f.packedKeys(),
                 packedValues.as<float>() + i * f.packedValues(), scratch.as<float>() + thread * f.scratch());
      }
    });
  };
}

Step prepareAttentionGrad(Setup& setup) {
  Backward b{};
  for (const Value** each : {&b.q, &b.k, &b.v, &b.y, &b.dy}) *each = setup.real();
  for (const Value** each : {&b.dq, &b.dk, &b.dv}) *each = setup.optionalReal();
  b.s = readShape(setup.words);
  const Shape& s = b.s;
  for (const Value* each : {b.q, b.dq}) need(each, s.all() * s.queries * s.width);
  for (const Value* each : {b.k, b.dk}) need(each, s.all() * s.keys * s.width);
  for (const Value* each : {b.v, b.dv}) need(each, s.all() * s.keys * s.valueWidth);
  for (const Value* each : {b.y, b.dy}) need(each, s.all() * s.queries * s.valueWidth);
  const int threads = threadsFor(s.all() * s.queries * s.keys * (s.width + s.valueWidth), setup.threads);
  b.splits = splitsFor(s.all(), b.blocks(), threads);
  const Region scratch = setup.reserve(sizeof(float) * threads * b.scratch());
  const Region sums = setup.reserve(sizeof(float) * (b.splits == 1 ? threads : s.all() * b.splits) * b.sums());
  return [=] {
    const Shape& s = b.s;
    const int64_t splits = b.splits, blocks = b.blocks();
    parallel(s.all() * splits, threads, [&](int64_t begin, int64_t end, int thread) {
      for (int64_t task = begin; task < end; ++task) {
        const int64_t head = task / splits, split = task % splits;
        float* own = sums.as<float>() + (splits == 1 ? thread : task) * b.sums();
        b.differentiate(head, blocks * split / splits * b.block(),
                        std::min(s.queries, blocks * (split + 1) / splits * b.block()),
                        scratch.as<float>() + thread * b.scratch(), own);
        if (splits == 1) b.store(head, own);
      }
    });
    if (splits == 1) return;
    parallel(s.all(), threads, [&](int64_t begin, int64_t end, int) {
      for (int64_t head = begin; head < end; ++head) {
        float* total = sums.as<float>() + head * splits * b.sums();
        addSplits(total, splits, b.sums());
        b.store(head, total);
      }
    });
  };
}

}  // namespace undiffuse

// What the operations share: values, the words of a step, scratch memory, and how work is split over threads.
// Each operation is a `prepare` function, which reads the words of its step and returns what to do in each run.
#pragma once
#include <omp.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "bfloat16.h"
#include "plan.h"

namespace undiffuse {

struct Value {
  DType dtype;
  Place place;
  int32_t location;
  std::vector<int64_t> dims;
  int64_t size;   // elements
  uint8_t* data;  // of this run, for Feed and Output

  size_t width() const { return dtype == Bool || dtype == UInt8 ? 1 : dtype == BFloat16 ? 2 : 4; }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data);
  }
  float* floats() const { return reinterpret_cast<float*>(data); }
  int32_t* ints() const { return reinterpret_cast<int32_t*>(data); }
};

// Words read in order; never past their end.
class Words {
 public:
  Words(const int32_t* begin, size_t count) : next_(begin), end_(begin + count) {}

  size_t left() const { return end_ - next_; }
  int32_t next() { return *take(1); }
  const int32_t* take(int64_t count) {
    if (count < 0 || count > static_cast<int64_t>(left())) throw std::runtime_error("the words end too early");
    next_ += count;
    return next_ - count;
  }
  float real() {
    float value;
    std::memcpy(&value, take(1), sizeof value);
    return value;
  }
  int64_t positive() {
    const int32_t value = next();
    if (value < 1) throw std::runtime_error("expected a positive number, got " + std::to_string(value));
    return value;
  }
  std::vector<int64_t> list(int64_t count) {
    const int32_t* words = take(count);
    return {words, words + count};
  }

 private:
  const int32_t *next_, *end_;
};

// Memory on a boundary of ALIGN bytes.
class Buffer {
 public:
  explicit Buffer(size_t bytes = 0)
      : data_(static_cast<uint8_t*>(std::aligned_alloc(ALIGN, (bytes / ALIGN + 1) * ALIGN))) {
    if (!data_) throw std::runtime_error("no memory for " + std::to_string(bytes) + " bytes");
  }
  uint8_t* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(uint8_t* data) const { std::free(data); }
  };
  std::unique_ptr<uint8_t, Free> data_;
};

using Step = std::function<void()>;

// A part of the scratch memory, which every step uses from its start: its contents last for one step of one run.
class Region {
 public:
  Region() = default;
  Region(const Buffer* scratch, size_t offset) : scratch_(scratch), offset_(offset) {}
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(scratch_->data() + offset_);
  }

 private:
  const Buffer* scratch_ = nullptr;
  size_t offset_ = 0;
};

struct Primitives;  // what those of oneDNN share: primitive.h

class Setup {
 public:
  explicit Setup(int threads);
  ~Setup();

  const int threads;
  const std::unique_ptr<Primitives> primitives;
  std::vector<Value> values;
  std::vector<Step> steps;
  Buffer arena, scratch;

  Words words{nullptr, 0};  // of the step that is being prepared

  // The value that the next word names, null for -1.
  const Value* optional(DType dtype = Float32);
  // The value that the next word names, with at least `size` elements of `dtype`.
  const Value* value(int64_t size = 0, DType dtype = Float32);
  const Value* any();
  // One of Float32 or BFloat16.
  const Value* real();
  const Value* optionalReal();

  Region reserve(size_t bytes);
  // What was reserved after `reserved` bytes were is free again.
  size_t reserved() const { return reserved_; }
  void release(size_t reserved) { reserved_ = reserved; }
  void begin(Words body) { words = body, reserved_ = 0; }
  void allocateScratch() { scratch = Buffer(scratchBytes_); }

 private:
  // Whether the next word names no value; it is taken if so.
  bool none();

  size_t reserved_ = 0, scratchBytes_ = 0;
};

inline void need(const Value* value, int64_t size) {
  if (value && value->size < size)
    throw std::runtime_error("a value of " + std::to_string(value->size) + " elements where " + std::to_string(size) +
                             " are wanted");
}

// body(float or Bf16), by the dtype of what it works on.
template <class Body>
auto withReal(DType dtype, const Body& body) {
  return dtype == BFloat16 ? body(Bf16()) : body(0.f);
}

// Threads for so many simple operations on elements: below some, starting them costs more than they save.
inline int threadsFor(int64_t work, int threads) { return work < 16384 ? 1 : threads; }

// body(begin, end, thread): tasks 0 to `tasks`, in one range a thread.
template <class Body>
void parallel(int64_t tasks, int threads, const Body& body) {
  if (threads == 1 || tasks == 1) return body(int64_t{0}, tasks, 0);
#pragma omp parallel num_threads(threads)
  {
    const int64_t thread = omp_get_thread_num(), count = omp_get_num_threads();
    const int64_t begin = tasks * thread / count, end = tasks * (thread + 1) / count;
    if (begin < end) body(begin, end, static_cast<int>(thread));
  }
}

// Parts that each task is split into, at most `most`, where tasks alone do not fill the threads.
inline int64_t splitsFor(int64_t tasks, int64_t most, int threads) {
  return tasks % threads && tasks < 8 * threads ? std::min<int64_t>(most, 2 * threads) : 1;
}

// The first of `splits` parts of so many floats becomes the sum of all.
inline void addSplits(float* parts, int64_t splits, int64_t size) {
  for (int64_t split = 1; split < splits; ++split)
    for (int64_t i = 0; i < size; ++i) parts[i] += parts[split * size + i];
}

Step prepareMap(Setup& setup);             // map.cc
Step prepareFill(Setup& setup);            // rows.cc
Step prepareReduce(Setup& setup);          // reduce.cc
Step prepareMatMul(Setup& setup);          // matmul.cc
Step prepareSoftmax(Setup& setup);         // rows.cc
Step prepareGather(Setup& setup);          // rows.cc
Step prepareScatterAdd(Setup& setup);      // rows.cc
Step prepareConv(Setup& setup);            // conv.cc
Step prepareConvInputGrad(Setup& setup);   // conv.cc
Step prepareConvWeightGrad(Setup& setup);  // conv.cc
Step prepareGroupNorm(Setup& setup);       // norm.cc
Step prepareGroupNormGrad(Setup& setup);   // norm.cc
Step prepareAttention(Setup& setup);       // attention.cc
Step prepareAttentionGrad(Setup& setup);   // attention.cc

}  // namespace undiffuse

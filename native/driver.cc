// Runs a recorded plan without Node, for the sanitizers:  driver FILE [threads]
//
// FILE is, in this machine's byte order, without gaps:
//   int32 count of words, the words (int32 each);
//   int32 number of constants, of each: int32 number of bytes, the bytes;
//   then each feed:    int32 number of bytes, the bytes;
//   then each output:  int32 number of bytes, float32 relative tolerance, the bytes expected.
// The numbers of feeds and outputs are those of the plan's header. An output counts as float32, unless the plan says
// otherwise: those of other dtypes must agree exactly. Two floats agree if they differ by at most tolerance times the
// largest that is expected, or times 0.1 where all are smaller (test/tensor/compare.ts), if they are equal, or if both
// are NaN.
//
// The plan is prepared once and run three times. Exits with 0 if every run agrees, with 1 and the reason otherwise.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include <omp.h>

#include "engine.h"
#include "plan.h"

using namespace undiffuse;

namespace {

class File {
 public:
  explicit File(const char* name) : in_(name, std::ios::binary) {
    if (!in_) throw std::runtime_error(std::string("cannot read ") + name);
  }
  template <class T>
  std::vector<T> list(int64_t count) {
    if (count < 0) throw std::runtime_error("the file holds a negative length");
    std::vector<T> values(count);
    if (!in_.read(reinterpret_cast<char*>(values.data()), static_cast<int64_t>(sizeof(T)) * count))
      throw std::runtime_error("the file ends too early");
    return values;
  }
  template <class T>
  T one() {
    return list<T>(1)[0];
  }

 private:
  std::ifstream in_;
};

struct Expected {
  DType dtype;
  float tolerance;
  std::vector<uint8_t> bytes;
};

// The dtype of each output, from the values among the words.
std::vector<DType> outputTypes(const std::vector<int32_t>& words) {
  std::vector<DType> types(words[5], Float32);
  const int32_t* value = words.data() + 6;
  for (int32_t i = 0; i < words[1]; ++i, value += 4 + value[3])
    if (value[1] == Output) types[value[2]] = static_cast<DType>(value[0]);
  return types;
}

bool agrees(const Expected& expected, const std::vector<uint8_t>& got, size_t index) {
  if (expected.dtype != Float32) {
    for (size_t i = 0; i < got.size(); ++i)
      if (got[i] != expected.bytes[i]) {
        std::fprintf(stderr, "output %zu, byte %zu: %d, expected %d\n", index, i, got[i], expected.bytes[i]);
        return false;
      }
    return true;
  }
  const float *a = reinterpret_cast<const float*>(got.data()), *b = reinterpret_cast<const float*>(expected.bytes.data());
  const size_t count = got.size() / sizeof(float);
  float scale = 0.1f;
  for (size_t i = 0; i < count; ++i)
    if (std::isfinite(b[i])) scale = std::fmax(scale, std::fabs(b[i]));
  for (size_t i = 0; i < count; ++i) {
    const bool same = a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])) ||
                      std::fabs(double(a[i]) - b[i]) <= expected.tolerance * scale;
    if (same) continue;
    std::fprintf(stderr, "output %zu, element %zu: %.9g, expected %.9g\n", index, i, a[i], b[i]);
    return false;
  }
  return true;
}

bool runFile(const char* name, int threads) {
  File file(name);
  const auto words = file.list<int32_t>(file.one<int32_t>());
  std::vector<std::vector<uint8_t>> held;
  std::vector<Bytes> constants;
  for (int32_t left = file.one<int32_t>(); left > 0; --left) held.push_back(file.list<uint8_t>(file.one<int32_t>()));
  for (auto& each : held) constants.push_back({each.data(), each.size()});
  omp_set_num_threads(threads);
  Engine engine(words.data(), words.size(), constants, threads);

  std::vector<std::vector<uint8_t>> feeds, outputs;
  for (const size_t bytes : engine.feedBytes()) {
    feeds.push_back(file.list<uint8_t>(file.one<int32_t>()));
    if (feeds.back().size() < bytes) throw std::runtime_error("a feed is shorter than the plan wants");
  }
  std::vector<Expected> expected;
  const std::vector<DType> types = outputTypes(words);
  for (const size_t bytes : engine.outputBytes()) {
    const int32_t length = file.one<int32_t>();
    const float tolerance = file.one<float>();
    expected.push_back({types[expected.size()], tolerance, file.list<uint8_t>(length)});
    if (expected.back().bytes.size() != bytes) throw std::runtime_error("an output of another size than the plan's");
    outputs.emplace_back(bytes);
  }
  std::vector<const void*> feedData;
  std::vector<void*> outputData;
  for (const auto& feed : feeds) feedData.push_back(feed.data());
  for (auto& output : outputs) outputData.push_back(output.data());

  for (int i = 0; i < 3; ++i) {
    for (auto& output : outputs) std::fill(output.begin(), output.end(), uint8_t{0xff});
    engine.run(feedData.data(), outputData.data());
    for (size_t j = 0; j < outputs.size(); ++j)
      if (!agrees(expected[j], outputs[j], j)) return false;
  }
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "usage: driver FILE [threads]\n");
    return 1;
  }
  try {
    return runFile(arguments[1], count > 2 ? std::atoi(arguments[2]) : 2) ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

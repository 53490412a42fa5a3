// Runs a plan (plan.h): prepared once, then run as often as wanted, by one thread at a time.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace undiffuse {

class Setup;

// Memory of somebody else's.
struct Bytes {
  void* data;
  size_t length;
};

class Engine {
 public:
  // `words` are read here and no more; what `constants` lie in must outlive the engine. OpenMP keeps a team for each thread that
  // calls it, and oneDNN plans for that team: construct and run on the same thread. Throws std::runtime_error.
  Engine(const int32_t* words, size_t count, const std::vector<Bytes>& constants, int threads);
  ~Engine();

  void run(const void* const* feeds, void* const* outputs);

  // Bytes of each feed and of each output; 0 for one that no value names.
  const std::vector<size_t>& feedBytes() const { return feedBytes_; }
  const std::vector<size_t>& outputBytes() const { return outputBytes_; }
  // What each step has taken in all runs.
  const std::vector<double>& seconds() const { return seconds_; }

 private:
  std::vector<size_t> feedBytes_, outputBytes_;
  std::vector<double> seconds_;
  std::unique_ptr<Setup> setup_;
};

}  // namespace undiffuse

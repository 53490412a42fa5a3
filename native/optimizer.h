// The optimizer's arithmetic over flat float32 buffers, on the threads of a plan: what src/optim/kernels.wat does in
// WebAssembly, under the same names, with the same ranges and constants.
#pragma once
#include <cstdint>
#include <string>

namespace undiffuse {

struct Kernel {
  const char* name;
  size_t ranges, constants;  // how many it takes
  // Over `count` elements of each range, in place; two ranges may be the same one.
  double (*run)(float* const* ranges, int64_t count, const float* constants, int threads);
};

// Null for a name that there is not.
const Kernel* findKernel(const std::string& name);

}  // namespace undiffuse

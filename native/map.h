// The box that a Map walks.
#pragma once
#include "step.h"

namespace undiffuse {

struct Operand {
  const Value* value;
  int64_t offset;
  std::vector<int64_t> strides;
};

struct Box {
  std::vector<int64_t> dims;
  Operand out;
  std::vector<Operand> inputs;
};

// A Map of one Copy between values of one dtype: permutation, slicing, joining, padding, upsampling. copy.cc
Step prepareCopy(Setup& setup, const Box& box);

}  // namespace undiffuse

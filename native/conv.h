// The shape of a convolution, as the words of its step state it (plan.h).
#pragma once
#include "step.h"

namespace undiffuse {

struct ConvShape {
  int64_t n, h, w, c, m, kh, kw, oh, ow, stride, top, left, bottom, right, block;
};

// The gradient in the weight for blocks of 8. weight-grad.cc
Step prepareBlockedWeightGrad(Setup& setup, const ConvShape& shape, const Value* x, const Value* dy,
                              const Value* dweight);

}  // namespace undiffuse

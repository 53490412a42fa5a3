#include "optimizer.h"

#include <cmath>
#include <numeric>

#include "step.h"

namespace undiffuse {

namespace {

constexpr int64_t BLOCK = 16384;  // elements of a sum in one piece, whatever the threads: the result does not hang on them
constexpr int LANES = 16;         // sums that grow beside one another

double sumOfSquares(const float* x, int64_t count) {
  double lanes[LANES] = {};
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES)
#pragma omp simd
    for (int lane = 0; lane < LANES; ++lane) lanes[lane] += static_cast<double>(x[i + lane]) * x[i + lane];
  for (; i < count; ++i) lanes[0] += static_cast<double>(x[i]) * x[i];
  return std::accumulate(lanes, lanes + LANES, 0.0);
}

// In double precision, so that finite elements have a finite sum.
double sumOfSquares(float* const* ranges, int64_t count, const float*, int threads) {
  std::vector<double> sums((count + BLOCK - 1) / BLOCK);
  parallel(sums.size(), threadsFor(count, threads), [&](int64_t begin, int64_t end, int) {
    for (int64_t block = begin; block < end; ++block)
      sums[block] = sumOfSquares(ranges[0] + block * BLOCK, std::min(BLOCK, count - block * BLOCK));
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

double adam(float* const* ranges, int64_t count, const float* constants, int threads) {
  float *const p = ranges[0], *const ema = ranges[2], *const m = ranges[3], *const v = ranges[4];
  const float* const gradient = ranges[1];
  const float scale = constants[0], coupled = constants[1], follow = constants[2];
  const float beta1 = constants[3], rest1 = constants[4], beta2 = constants[5], rest2 = constants[6];
  const float decoupled = constants[7], rate = constants[8], root = constants[9], eps = constants[10];
  parallel(count, threadsFor(count, threads), [=](int64_t begin, int64_t end, int) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
      const float g = scale * gradient[i] + coupled * p[i];
      m[i] = beta1 * m[i] + rest1 * g;
      v[i] = beta2 * v[i] + rest2 * g * g;
      p[i] -= decoupled * p[i] + rate * m[i] / (root * std::sqrt(v[i]) + eps);
      ema[i] += follow * (p[i] - ema[i]);
    }
  });
  return 0;
}

double sgd(float* const* ranges, int64_t count, const float* constants, int threads) {
  float *const p = ranges[0], *const ema = ranges[2], *const velocity = ranges[3];
  const float* const gradient = ranges[1];
  const float scale = constants[0], coupled = constants[1], follow = constants[2];
  const float momentum = constants[3], rate = constants[4], velocityRate = constants[5];
  parallel(count, threadsFor(count, threads), [=](int64_t begin, int64_t end, int) {
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) {
      const float g = scale * gradient[i] + coupled * p[i];
      velocity[i] = momentum * velocity[i] + g;
      p[i] -= rate * g + velocityRate * velocity[i];
      ema[i] += follow * (p[i] - ema[i]);
    }
  });
  return 0;
}

const Kernel kernels[] = {{"sumOfSquares", 1, 0, sumOfSquares}, {"adam", 5, 11, adam}, {"sgd", 4, 6, sgd}};

}  // namespace

const Kernel* findKernel(const std::string& name) {
  for (const Kernel& kernel : kernels)
    if (name == kernel.name) return &kernel;
  return nullptr;
}

}  // namespace undiffuse

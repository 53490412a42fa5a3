// What differs between oneDNN 2 and 3, and nothing else: how descriptions of primitives are made, names of CPUs.
#pragma once
#include <oneapi/dnnl/dnnl.hpp>
#include <string>

namespace undiffuse {

using Md = dnnl::memory::desc;
using Type = dnnl::memory::data_type;
using ForwardConv = dnnl::convolution_forward::primitive_desc;

struct ConvWindow {
  dnnl::memory::dims strides, topLeft, bottomRight;
};

inline dnnl::primitive_attr userScratchpad() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

#if DNNL_VERSION_MAJOR >= 3

inline auto describeConv(const dnnl::engine& engine, const Md& src, const Md& weights, const Md& bias, const Md& dst,
                         const ConvWindow& window, bool training) {
  return dnnl::convolution_forward::primitive_desc(
      engine, training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference,
      dnnl::algorithm::convolution_direct, src, weights, bias, dst, window.strides, window.topLeft, window.bottomRight,
      userScratchpad());
}

inline auto describeConvInputGrad(const dnnl::engine& engine, const Md& src, const Md& weights, const Md& dst,
                                  const ConvWindow& window, const ForwardConv& forward) {
  return dnnl::convolution_backward_data::primitive_desc(engine, dnnl::algorithm::convolution_direct, src, weights, dst,
                                                         window.strides, window.topLeft, window.bottomRight, forward,
                                                         userScratchpad());
}

inline auto describeConvWeightGrad(const dnnl::engine& engine, const Md& src, const Md& weights, const Md& dst,
                                   const ConvWindow& window, const ForwardConv& forward) {
  return dnnl::convolution_backward_weights::primitive_desc(engine, dnnl::algorithm::convolution_direct, src, weights,
                                                            dst, window.strides, window.topLeft, window.bottomRight,
                                                            forward, userScratchpad());
}

inline auto describeMatMul(const dnnl::engine& engine, const Md& a, const Md& b, const Md& out) {
  return dnnl::matmul::primitive_desc(engine, a, b, out, userScratchpad());
}

#else

inline auto describeConv(const dnnl::engine& engine, const Md& src, const Md& weights, const Md& bias, const Md& dst,
                         const ConvWindow& window, bool training) {
  const dnnl::convolution_forward::desc desc(
      training ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference,
      dnnl::algorithm::convolution_direct, src, weights, bias, dst, window.strides, window.topLeft, window.bottomRight);
  return dnnl::convolution_forward::primitive_desc(desc, userScratchpad(), engine);
}

inline auto describeConvInputGrad(const dnnl::engine& engine, const Md& src, const Md& weights, const Md& dst,
                                  const ConvWindow& window, const ForwardConv& forward) {
  const dnnl::convolution_backward_data::desc desc(dnnl::algorithm::convolution_direct, src, weights, dst,
                                                   window.strides, window.topLeft, window.bottomRight);
  return dnnl::convolution_backward_data::primitive_desc(desc, userScratchpad(), engine, forward);
}

inline auto describeConvWeightGrad(const dnnl::engine& engine, const Md& src, const Md& weights, const Md& dst,
                                   const ConvWindow& window, const ForwardConv& forward) {
  const dnnl::convolution_backward_weights::desc desc(dnnl::algorithm::convolution_direct, src, weights, dst,
                                                      window.strides, window.topLeft, window.bottomRight);
  return dnnl::convolution_backward_weights::primitive_desc(desc, userScratchpad(), engine, forward);
}

inline auto describeMatMul(const dnnl::engine& engine, const Md& a, const Md& b, const Md& out) {
  return dnnl::matmul::primitive_desc(dnnl::matmul::desc(a, b, out), userScratchpad(), engine);
}

#endif

inline std::string isaName() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41: return "sse41";
    case dnnl::cpu_isa::avx: return "avx";
    case dnnl::cpu_isa::avx2: return "avx2";
    case dnnl::cpu_isa::avx2_vnni: return "avx2_vnni";
    case dnnl::cpu_isa::avx512_core: return "avx512_core";
    case dnnl::cpu_isa::avx512_core_vnni: return "avx512_core_vnni";
    case dnnl::cpu_isa::avx512_core_bf16: return "avx512_core_bf16";
    case dnnl::cpu_isa::avx512_core_amx: return "avx512_core_amx";
#if DNNL_VERSION_MAJOR >= 3
    case dnnl::cpu_isa::avx2_vnni_2: return "avx2_vnni_2";
    case dnnl::cpu_isa::avx512_core_fp16: return "avx512_core_fp16";
    case dnnl::cpu_isa::avx512_core_amx_fp16: return "avx512_core_amx_fp16";
#endif
    default: return "other";
  }
}

inline bool hasBf16() { return isaName().rfind("avx512_core_", 0) == 0 && isaName() != "avx512_core_vnni"; }

}  // namespace undiffuse

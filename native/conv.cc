// The convolution and its two gradients by oneDNN. Images stay as they are; weights go into the layout that oneDNN asks
// for.
#include "conv.h"

#include "primitive.h"

namespace undiffuse {

namespace {

using Tag = dnnl::memory::format_tag;

struct Shape : ConvShape {
  ConvWindow window() const { return {{stride, stride}, {top, left}, {bottom, right}}; }
  Tag images() const { return block == 8 ? Tag::nChw8c : block == 16 ? Tag::nChw16c : Tag::nhwc; }
  Md x(Type type) const { return {{n, c, h, w}, type, images()}; }
  Md weight(Type type, Tag tag = Tag::any) const { return {{m, c, kh, kw}, type, tag}; }
  Md bias() const { return {{m}, Type::f32, Tag::x}; }
  Md out(Type type) const { return {{n, m, oh, ow}, type, images()}; }
  // Of this type throughout: the convolution that a gradient is of.
  ForwardConv forward(const dnnl::engine& engine, Type type) const {
    return describeConv(engine, x(type), weight(type), Md(), out(type), window(), true);
  }
};

Shape readShape(Words& words, const Value* x, const Value* weight, const Value* out) {
  Shape s;
  for (int64_t* field : {&s.n, &s.h, &s.w, &s.c, &s.m, &s.kh, &s.kw, &s.oh, &s.ow, &s.stride}) *field = words.positive();
  for (int64_t* field : {&s.top, &s.left, &s.bottom, &s.right}) *field = words.next();
  s.block = words.positive();
  if (s.block != 1 && s.block != 8 && s.block != 16)
    throw std::runtime_error("a block of " + std::to_string(s.block) + " channels");
  if (s.c % s.block || s.m % s.block) throw std::runtime_error("channels are no multiple of the block");
  need(x, s.n * s.h * s.w * s.c);
  need(weight, s.m * s.c * s.kh * s.kw);
  need(out, s.n * s.oh * s.ow * s.m);
  return s;
}

}  // namespace

Step prepareConv(Setup& setup) {
  const Value *x = setup.real(), *weight = setup.real(), *bias = setup.optional(), *out = setup.real();
  const Shape s = readShape(setup.words, x, weight, out);
  need(bias, s.m);
  return buildPrimitive(setup, {x, weight}, [&](Factors factors) {
    const Type type = typeOf(factors);
    const auto description = describeConv(setup.primitives->engine, s.x(type), s.weight(type), bias ? s.bias() : Md(),
                                          s.out(typeOf(factors, out)), s.window(), false);
    auto primitive = std::make_shared<Primitive>(setup, factors, dnnl::convolution_forward(description),
                                                 description.scratchpad_desc());
    primitive->input(DNNL_ARG_SRC, x, [&](Type type) { return s.x(type); }, description.src_desc());
    primitive->input(DNNL_ARG_WEIGHTS, weight, [&](Type type) { return s.weight(type, Tag::oihw); },
                     description.weights_desc());
    if (bias) primitive->addend(DNNL_ARG_BIAS, bias, [&](Type) { return s.bias(); }, description.bias_desc());
    primitive->output(DNNL_ARG_DST, out, [&](Type type) { return s.out(type); }, description.dst_desc());
    return primitive;
  });
}

Step prepareConvInputGrad(Setup& setup) {
  const Value *dy = setup.real(), *weight = setup.real(), *dx = setup.real();
  const Shape s = readShape(setup.words, dx, weight, dy);
  return buildPrimitive(setup, {dy, weight}, [&](Factors factors) {
    const Type type = typeOf(factors);
    const auto& engine = setup.primitives->engine;
    const auto description = describeConvInputGrad(engine, s.x(typeOf(factors, dx)), s.weight(type), s.out(type),
                                                   s.window(), s.forward(engine, type));
    auto primitive = std::make_shared<Primitive>(setup, factors, dnnl::convolution_backward_data(description),
                                                 description.scratchpad_desc());
    primitive->input(DNNL_ARG_DIFF_DST, dy, [&](Type type) { return s.out(type); }, description.diff_dst_desc());
    primitive->input(DNNL_ARG_WEIGHTS, weight, [&](Type type) { return s.weight(type, Tag::oihw); },
                     description.weights_desc());
    primitive->output(DNNL_ARG_DIFF_SRC, dx, [&](Type type) { return s.x(type); }, description.diff_src_desc());
    return primitive;
  });
}

Step prepareConvWeightGrad(Setup& setup) {
  const Value *x = setup.real(), *dy = setup.real(), *dweight = setup.value();
  const Shape s = readShape(setup.words, x, dweight, dy);
  if (s.block == 8 && s.kh * s.kw > 1) return prepareBlockedWeightGrad(setup, s, x, dy, dweight);
  return buildPrimitive(setup, {x, dy}, [&](Factors factors) {
    const Type type = typeOf(factors);
    const auto& engine = setup.primitives->engine;
    const auto description = describeConvWeightGrad(engine, s.x(type), s.weight(Type::f32), s.out(type), s.window(),
                                                    s.forward(engine, type));
    auto primitive = std::make_shared<Primitive>(setup, factors, dnnl::convolution_backward_weights(description),
                                                 description.scratchpad_desc());
    primitive->input(DNNL_ARG_SRC, x, [&](Type type) { return s.x(type); }, description.src_desc());
    primitive->input(DNNL_ARG_DIFF_DST, dy, [&](Type type) { return s.out(type); }, description.diff_dst_desc());
    primitive->output(DNNL_ARG_DIFF_WEIGHTS, dweight, [&](Type type) { return s.weight(type, Tag::oihw); },
                      description.diff_weights_desc());
    return primitive;
  });
}

}  // namespace undiffuse

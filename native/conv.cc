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
  Md x() const { return {{n, c, h, w}, dnnl::memory::data_type::f32, images()}; }
  Md weight(Tag tag) const { return {{m, c, kh, kw}, dnnl::memory::data_type::f32, tag}; }
  Md bias() const { return {{m}, dnnl::memory::data_type::f32, Tag::x}; }
  Md out() const { return {{n, m, oh, ow}, dnnl::memory::data_type::f32, images()}; }
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
  const Value *x = setup.value(), *weight = setup.value(), *bias = setup.optional(), *out = setup.value();
  const Shape s = readShape(setup.words, x, weight, out);
  need(bias, s.m);
  const auto description = describeConv(setup.primitives->engine, s.x(), s.weight(Tag::any), bias ? s.bias() : Md(),
                                        s.out(), s.window(), false);
  auto primitive = std::make_shared<Primitive>(setup, dnnl::convolution_forward(description),
                                               description.scratchpad_desc());
  primitive->input(DNNL_ARG_SRC, x, s.x(), description.src_desc());
  primitive->input(DNNL_ARG_WEIGHTS, weight, s.weight(Tag::oihw), description.weights_desc());
  if (bias) primitive->input(DNNL_ARG_BIAS, bias, s.bias(), description.bias_desc());
  primitive->output(DNNL_ARG_DST, out, s.out(), description.dst_desc());
  return [primitive] { primitive->run(); };
}

Step prepareConvInputGrad(Setup& setup) {
  const Value *dy = setup.value(), *weight = setup.value(), *dx = setup.value();
  const Shape s = readShape(setup.words, dx, weight, dy);
  const auto description =
      describeConvInputGrad(setup.primitives->engine, s.x(), s.weight(Tag::any), s.out(), s.window());
  auto primitive = std::make_shared<Primitive>(setup, dnnl::convolution_backward_data(description),
                                               description.scratchpad_desc());
  primitive->input(DNNL_ARG_DIFF_DST, dy, s.out(), description.diff_dst_desc());
  primitive->input(DNNL_ARG_WEIGHTS, weight, s.weight(Tag::oihw), description.weights_desc());
  primitive->output(DNNL_ARG_DIFF_SRC, dx, s.x(), description.diff_src_desc());
  return [primitive] { primitive->run(); };
}

Step prepareConvWeightGrad(Setup& setup) {
  const Value *x = setup.value(), *dy = setup.value(), *dweight = setup.value();
  const Shape s = readShape(setup.words, x, dweight, dy);
  if (s.block == 8 && s.kh * s.kw > 1) return prepareBlockedWeightGrad(setup, s, x, dy, dweight);
  const auto description =
      describeConvWeightGrad(setup.primitives->engine, s.x(), s.weight(Tag::any), s.out(), s.window());
  auto primitive = std::make_shared<Primitive>(setup, dnnl::convolution_backward_weights(description),
                                               description.scratchpad_desc());
  primitive->input(DNNL_ARG_SRC, x, s.x(), description.src_desc());
  primitive->input(DNNL_ARG_DIFF_DST, dy, s.out(), description.diff_dst_desc());
  primitive->output(DNNL_ARG_DIFF_WEIGHTS, dweight, s.weight(Tag::oihw), description.diff_weights_desc());
  return [primitive] { primitive->run(); };
}

}  // namespace undiffuse

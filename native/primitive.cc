#include "primitive.h"

namespace undiffuse {

namespace {

// Values and scratch memory rarely move, and oneDNN may fill the padding of a memory that does.
void place(dnnl::memory& memory, void* data) {
  if (memory.get_data_handle() != data) memory.set_data_handle(data);
}

// Of float32 numbers that lie as a description says, as many as the value has.
int64_t countOf(const dnnl::memory& memory, const Value* value) {
  return std::min(value->size, static_cast<int64_t>(memory.get_desc().get_size() / sizeof(float)));
}

}  // namespace

Setup::Setup(int threads) : threads(threads), primitives(std::make_unique<Primitives>()) {}
Setup::~Setup() = default;

void copyRounded(const Value* value, int64_t count, float* out, int threads) {
  parallel(count, threadsFor(count, threads), [=](int64_t begin, int64_t end, int) {
    if (value->dtype == BFloat16) return convert(value->as<Bf16>() + begin, end - begin, out + begin);
    const float* in = value->floats();
#pragma omp simd
    for (int64_t i = begin; i < end; ++i) out[i] = static_cast<float>(Bf16(in[i]));
  });
}

Primitive::Primitive(Setup& setup, Factors factors, dnnl::primitive primitive, const Md& scratchpad)
    : setup_(setup),
      factors_(factors),
      primitive_(std::move(primitive)),
      scratchpad_(scratchpad, setup.primitives->engine, DNNL_MEMORY_NONE),
      scratchpadMemory_(setup.reserve(scratchpad.get_size())) {
  arguments_.emplace(DNNL_ARG_SCRATCHPAD, scratchpad_);
}

Primitive::Argument Primitive::describe(const Value* value, bool converts, const Layout& given, const Md& wanted) {
  const Md own = given(converts ? Type::f32 : typeOf(value));
  Argument argument{value, converts, memory(own), {}, {}, {}, {}};
  argument.wanted = own == wanted ? argument.given : memory(wanted);
  return argument;
}

void Primitive::input(int argument, const Value* value, const Layout& given, const Md& wanted) {
  take(argument, describe(value, factors_ == Factors::Rounded, given, wanted));
}

void Primitive::addend(int argument, const Value* value, const Layout& given, const Md& wanted) {
  take(argument, describe(value, false, given, wanted));
}

void Primitive::take(int argument, Argument in) {
  const Md own = in.given.get_desc(), wanted = in.wanted.get_desc();
  if (own != wanted) in.reorder = dnnl::reorder(in.given, in.wanted);
  arguments_.emplace(argument, in.wanted);
  if (in.value->place == Constant && (in.converts || in.reorder)) {
    Buffer converted(in.converts ? own.get_size() : 0), copy(in.reorder ? wanted.get_size() : 0);
    bring(in, converted.data(), copy.data());
    setup_.primitives->stream.wait();
    constants_.push_back(std::move(in.reorder ? copy : converted));
    return;
  }
  if (in.converts) in.converted = setup_.reserve(own.get_size());
  if (in.reorder) in.copy = setup_.reserve(wanted.get_size());
  inputs_.push_back(std::move(in));
}

void Primitive::output(int argument, const Value* value, const Layout& given, const Md& wanted) {
  const bool converts = factors_ != Factors::BFloat16 && value->dtype == BFloat16;
  Argument out = describe(value, converts, given, wanted);
  const Md own = out.given.get_desc();
  if (own != wanted) out.reorder = dnnl::reorder(out.wanted, out.given);
  if (out.converts) out.converted = setup_.reserve(own.get_size());
  if (out.reorder) out.copy = setup_.reserve(wanted.get_size());
  arguments_.emplace(argument, out.wanted);
  outputs_.push_back(std::move(out));
}

// An input to where the primitive takes it.
void Primitive::bring(Argument& in, void* converted, void* copy) {
  if (in.converts) copyRounded(in.value, countOf(in.given, in.value), static_cast<float*>(converted), setup_.threads);
  place(in.given, in.converts ? converted : in.value->data);
  if (!in.reorder) return;
  place(in.wanted, copy);
  in.reorder.execute(setup_.primitives->stream, in.given, in.wanted);
}

void Primitive::run() {
  place(scratchpad_, scratchpadMemory_.as<void>());
  for (Argument& in : inputs_)
    bring(in, in.converts ? in.converted.as<void>() : nullptr, in.reorder ? in.copy.as<void>() : nullptr);
  for (Argument& out : outputs_) {
    place(out.given, out.converts ? out.converted.as<void>() : out.value->data);
    if (out.reorder) place(out.wanted, out.copy.as<void>());
  }
  primitive_.execute(setup_.primitives->stream, arguments_);
  for (Argument& out : outputs_)
    if (out.reorder) out.reorder.execute(setup_.primitives->stream, out.wanted, out.given);
  setup_.primitives->stream.wait();
  for (Argument& out : outputs_) {
    if (!out.converts) continue;
    const int64_t count = countOf(out.given, out.value);
    parallel(count, threadsFor(count, setup_.threads), [&](int64_t begin, int64_t end, int) {
      convert(out.converted.as<float>() + begin, end - begin, out.value->as<Bf16>() + begin);
    });
  }
}

}  // namespace undiffuse

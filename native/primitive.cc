#include "primitive.h"

namespace undiffuse {

namespace {

// Values and scratch memory rarely move, and oneDNN may fill the padding of a memory that does.
void place(dnnl::memory& memory, void* data) {
  if (memory.get_data_handle() != data) memory.set_data_handle(data);
}

}  // namespace

Setup::Setup(int threads) : threads(threads), primitives(std::make_unique<Primitives>()) {}
Setup::~Setup() = default;

Primitive::Primitive(Setup& setup, dnnl::primitive primitive, const Md& scratchpad)
    : setup_(setup),
      primitive_(std::move(primitive)),
      scratchpad_(scratchpad, setup.primitives->engine, DNNL_MEMORY_NONE),
      scratchpadMemory_(setup.reserve(scratchpad.get_size())) {
  arguments_.emplace(DNNL_ARG_SCRATCHPAD, scratchpad_);
}

Primitive::Argument Primitive::describe(const Value* value, const Md& given, const Md& wanted) {
  Argument argument{value, {given, setup_.primitives->engine, DNNL_MEMORY_NONE}, {}, {}, {}};
  if (given == wanted) {
    argument.wanted = argument.given;
  } else {
    argument.wanted = dnnl::memory(wanted, setup_.primitives->engine, DNNL_MEMORY_NONE);
  }
  return argument;
}

void Primitive::input(int argument, const Value* value, const Md& given, const Md& wanted) {
  Argument in = describe(value, given, wanted);
  if (given != wanted) {
    dnnl::reorder reorder(in.given, in.wanted);
    if (value->place == Constant) {
      constants_.emplace_back(wanted.get_size());
      in.given.set_data_handle(value->data);
      in.wanted.set_data_handle(constants_.back().data());
      reorder.execute(setup_.primitives->stream, in.given, in.wanted);
      setup_.primitives->stream.wait();
    } else {
      in.reorder = std::move(reorder);
      in.copy = setup_.reserve(wanted.get_size());
    }
  }
  arguments_.emplace(argument, in.wanted);
  if (value->place != Constant || given == wanted) inputs_.push_back(std::move(in));
}

void Primitive::output(int argument, const Value* value, const Md& given, const Md& wanted) {
  Argument out = describe(value, given, wanted);
  if (given != wanted) {
    out.reorder = dnnl::reorder(out.wanted, out.given);
    out.copy = setup_.reserve(wanted.get_size());
  }
  arguments_.emplace(argument, out.wanted);
  outputs_.push_back(std::move(out));
}

void Primitive::run() {
  place(scratchpad_, scratchpadMemory_.as<void>());
  for (Argument& in : inputs_) {
    place(in.given, in.value->data);
    if (!in.reorder) continue;
    place(in.wanted, in.copy.as<void>());
    in.reorder.execute(setup_.primitives->stream, in.given, in.wanted);
  }
  for (Argument& out : outputs_) {
    place(out.given, out.value->data);
    if (out.reorder) place(out.wanted, out.copy.as<void>());
  }
  primitive_.execute(setup_.primitives->stream, arguments_);
  for (Argument& out : outputs_)
    if (out.reorder) out.reorder.execute(setup_.primitives->stream, out.wanted, out.given);
  setup_.primitives->stream.wait();
}

}  // namespace undiffuse

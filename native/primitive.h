// One oneDNN primitive with its arguments, as a step.
#pragma once
#include "onednn.h"
#include "step.h"

namespace undiffuse {

struct Primitives {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
};

class Primitive {
 public:
  Primitive(Setup& setup, dnnl::primitive primitive, const Md& scratchpad);

  // `value` is laid out as `given`; the primitive takes it as `wanted`. Where these differ it goes through a copy,
  // which for constants is made here, once.
  void input(int argument, const Value* value, const Md& given, const Md& wanted);
  void output(int argument, const Value* value, const Md& given, const Md& wanted);

  void run();

 private:
  struct Argument {
    const Value* value;
    dnnl::memory given, wanted;
    dnnl::reorder reorder;  // none where the layouts agree, or for a constant
    Region copy;
  };
  Argument describe(const Value* value, const Md& given, const Md& wanted);

  Setup& setup_;
  dnnl::primitive primitive_;
  std::vector<Argument> inputs_, outputs_;
  std::vector<Buffer> constants_;
  std::unordered_map<int, dnnl::memory> arguments_;
  dnnl::memory scratchpad_;
  Region scratchpadMemory_;
};

}  // namespace undiffuse

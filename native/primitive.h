// One oneDNN primitive with its arguments, as a step; and how it comes to compute in bfloat16.
#pragma once
#include <initializer_list>

#include "onednn.h"
#include "step.h"

namespace undiffuse {

struct Primitives {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
};

// What a primitive is given: float32; bfloat16; or, where neither the processor nor oneDNN has it so, float32 numbers
// that were rounded to bfloat16, of which the results are the same but for the order of sums.
enum class Factors { Float32, BFloat16, Rounded };

inline Type typeOf(const Value* value) { return value->dtype == BFloat16 ? Type::bf16 : Type::f32; }
inline Type typeOf(Factors factors) { return factors == Factors::BFloat16 ? Type::bf16 : Type::f32; }
// Of a result that goes into this value.
inline Type typeOf(Factors factors, const Value* out) {
  return factors == Factors::BFloat16 ? typeOf(out) : Type::f32;
}

// How numbers lie, by their type.
using Layout = std::function<Md(Type)>;

class Primitive {
 public:
  Primitive(Setup& setup, Factors factors, dnnl::primitive primitive, const Md& scratchpad);

  // `value` is laid out as `given`; the primitive takes it as `wanted`. Where these differ it goes through a copy,
  // which for constants is made here, once.
  void input(int argument, const Value* value, const Layout& given, const Md& wanted);
  // The same for an input that is no factor, and so is never rounded.
  void addend(int argument, const Value* value, const Layout& given, const Md& wanted);
  void output(int argument, const Value* value, const Layout& given, const Md& wanted);

  void run();

 private:
  struct Argument {
    const Value* value;
    bool converts;  // between the value and `given`
    dnnl::memory given, wanted;
    dnnl::reorder reorder;  // none where the layouts agree
    Region converted, copy;
  };
  dnnl::memory memory(const Md& description) const { return {description, setup_.primitives->engine, DNNL_MEMORY_NONE}; }
  Argument describe(const Value* value, bool converts, const Layout& given, const Md& wanted);
  void take(int argument, Argument in);
  void bring(Argument& in, void* converted, void* copy);

  Setup& setup_;
  const Factors factors_;
  dnnl::primitive primitive_;
  std::vector<Argument> inputs_, outputs_;
  std::vector<Buffer> constants_;
  std::unordered_map<int, dnnl::memory> arguments_;
  dnnl::memory scratchpad_;
  Region scratchpadMemory_;
};

// The first `count` numbers of a real value, rounded to bfloat16.
void copyRounded(const Value* value, int64_t count, float* out, int threads);

// build(factors) for factors of which one is bfloat16, or none: numbers that nobody rounded stay as they are, though
// their product is stored rounded.
template <class Build>
Step buildPrimitive(Setup& setup, std::initializer_list<const Value*> given, const Build& build) {
  std::shared_ptr<Primitive> primitive;
  const auto isHalf = [](const Value* value) { return value->dtype == BFloat16; };
  if (std::none_of(given.begin(), given.end(), isHalf)) {
    primitive = build(Factors::Float32);
  } else {
    const size_t reserved = setup.reserved();
    try {
      if (hasBf16()) primitive = build(Factors::BFloat16);
    } catch (const dnnl::error&) {  // none for this shape
      setup.release(reserved);
    }
    if (!primitive) primitive = build(Factors::Rounded);
  }
  return [primitive] { primitive->run(); };
}

}  // namespace undiffuse

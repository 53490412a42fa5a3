#include "engine.h"

#include <chrono>

#include "step.h"

namespace undiffuse {

namespace {

struct Operation {
  const char* name;
  Step (*prepare)(Setup&);
};

const Operation operations[] = {
    {"Map", prepareMap},
    {"Fill", prepareFill},
    {"Reduce", prepareReduce},
    {"MatMul", prepareMatMul},
    {"Softmax", prepareSoftmax},
    {"Gather", prepareGather},
    {"ScatterAdd", prepareScatterAdd},
    {"Conv", prepareConv},
    {"ConvInputGrad", prepareConvInputGrad},
    {"ConvWeightGrad", prepareConvWeightGrad},
    {"GroupNorm", prepareGroupNorm},
    {"GroupNormGrad", prepareGroupNormGrad},
    {"Attention", prepareAttention},
    {"AttentionGrad", prepareAttentionGrad},
};

Value readValue(Words& words) {
  Value value{};
  const int32_t dtype = words.next(), place = words.next();
  if (dtype < Float32 || dtype > BFloat16) throw std::runtime_error("unknown dtype " + std::to_string(dtype));
  if (place < Arena || place > Output) throw std::runtime_error("unknown place " + std::to_string(place));
  value.dtype = static_cast<DType>(dtype);
  value.place = static_cast<Place>(place);
  value.location = words.next();
  if (value.location < 0) throw std::runtime_error("negative location " + std::to_string(value.location));
  const int32_t rank = words.next();
  value.size = 1;
  for (int32_t i = 0; i < rank; ++i) {
    value.dims.push_back(words.positive());
    if (__builtin_mul_overflow(value.size, value.dims.back(), &value.size)) throw std::runtime_error("size overflows");
  }
  return value;
}

// Where a constant lies, after a check that it is whole.
uint8_t* locate(const Value& value, const std::vector<Bytes>& constants) {
  if (static_cast<size_t>(value.location) >= constants.size())
    throw std::runtime_error("there is no constant " + std::to_string(value.location));
  const Bytes& bytes = constants[value.location];
  if (static_cast<int64_t>(bytes.length / value.width()) < value.size)
    throw std::runtime_error("it is longer than its constant of " + std::to_string(bytes.length) + " bytes");
  if (reinterpret_cast<uintptr_t>(bytes.data) % value.width())
    throw std::runtime_error("a constant of 4-byte elements begins off a boundary of 4");
  return static_cast<uint8_t*>(bytes.data);
}

// Where a value of the arena lies, after a check that it lies within.
uint8_t* locate(const Value& value, uint8_t* base, size_t bytes) {
  const size_t begin = static_cast<size_t>(value.location) * ALIGN;
  if (begin > bytes || value.size > static_cast<int64_t>((bytes - begin) / value.width()))
    throw std::runtime_error("it ends past its memory of " + std::to_string(bytes) + " bytes");
  return base + begin;
}

void grow(const Value& value, std::vector<size_t>& bytes) {
  if (static_cast<size_t>(value.location) >= bytes.size())
    throw std::runtime_error("there is no feed or output " + std::to_string(value.location));
  bytes[value.location] = std::max(bytes[value.location], value.size * value.width());
}

std::runtime_error at(const std::string& place, const std::exception& error) {
  return std::runtime_error("plan, " + place + ": " + error.what());
}

}  // namespace

const Value* Setup::any() {
  const int32_t id = words.next();
  if (id < 0 || static_cast<size_t>(id) >= values.size())
    throw std::runtime_error("there is no value " + std::to_string(id));
  return &values[id];
}

const Value* Setup::value(int64_t size, DType dtype) {
  const Value* value = any();
  if (value->dtype != dtype) throw std::runtime_error("a value of another dtype than the operation takes");
  need(value, size);
  return value;
}

const Value* Setup::real() {
  const Value* value = any();
  if (value->dtype != BFloat16 && value->dtype != Float32)
    throw std::runtime_error("a value of another dtype than the operation takes");
  return value;
}

bool Setup::none() {
  Words ahead = words;
  if (ahead.next() != -1) return false;
  words = ahead;
  return true;
}

const Value* Setup::optional(DType dtype) { return none() ? nullptr : value(0, dtype); }

const Value* Setup::optionalReal() { return none() ? nullptr : real(); }

Region Setup::reserve(size_t bytes) {
  const Region region(&scratch, reserved_);
  reserved_ += (bytes + ALIGN - 1) / ALIGN * ALIGN;
  scratchBytes_ = std::max(scratchBytes_, reserved_);
  return region;
}

Engine::Engine(const int32_t* begin, size_t count, const std::vector<Bytes>& constants, int threads)
    : setup_(std::make_unique<Setup>(threads)) {
  Setup& setup = *setup_;
  Words words(begin, count);
  if (count < 6) throw std::runtime_error("plan, header: the words end too early");
  if (words.next() != MAGIC) throw std::runtime_error("plan, header: it does not begin with the magic number");
  const int32_t* header = words.take(5);
  for (int i = 0; i < 5; ++i)
    if (header[i] < 0) throw std::runtime_error("plan, header: a negative count");
  const int32_t values = header[0], steps = header[1];
  const size_t arenaBytes = static_cast<size_t>(header[2]) * ALIGN;
  feedBytes_.resize(header[3]);
  outputBytes_.resize(header[4]);
  setup.arena = Buffer(arenaBytes);

  for (int32_t i = 0; i < values; ++i) {
    try {
      Value value = readValue(words);
      if (value.place == Arena) value.data = locate(value, setup.arena.data(), arenaBytes);
      if (value.place == Constant) value.data = locate(value, constants);
      if (value.place == Feed) grow(value, feedBytes_);
      if (value.place == Output) grow(value, outputBytes_);
      setup.values.push_back(value);
    } catch (const std::exception& error) {
      throw at("value " + std::to_string(i), error);
    }
  }

  for (int32_t i = 0; i < steps; ++i) {
    std::string place = "step " + std::to_string(i);
    try {
      const int32_t opcode = words.next();
      if (opcode < 0 || static_cast<size_t>(opcode) >= std::size(operations))
        throw std::runtime_error("unknown opcode " + std::to_string(opcode));
      place += std::string(" (") + operations[opcode].name + ")";
      const int32_t length = words.next();
      setup.begin(Words(words.take(length), length));
      setup.steps.push_back(operations[opcode].prepare(setup));
      if (setup.words.left()) throw std::runtime_error(std::to_string(setup.words.left()) + " words too many");
    } catch (const std::exception& error) {
      throw at(place, error);
    }
  }
  if (words.left()) throw std::runtime_error("plan: " + std::to_string(words.left()) + " words too many");
  setup.allocateScratch();
  seconds_.resize(setup.steps.size());
}

Engine::~Engine() = default;

void Engine::run(const void* const* feeds, void* const* outputs) {
  for (Value& value : setup_->values) {
    if (value.place == Feed) value.data = static_cast<uint8_t*>(const_cast<void*>(feeds[value.location]));
    if (value.place == Output) value.data = static_cast<uint8_t*>(outputs[value.location]);
    if (reinterpret_cast<uintptr_t>(value.data) % value.width())
      throw std::runtime_error("a feed or output of 4-byte elements begins off a boundary of 4");
  }
  auto before = std::chrono::steady_clock::now();
  for (size_t i = 0; i < setup_->steps.size(); ++i) {
    setup_->steps[i]();
    const auto now = std::chrono::steady_clock::now();
    seconds_[i] += std::chrono::duration<double>(now - before).count();
    before = now;
  }
}

}  // namespace undiffuse

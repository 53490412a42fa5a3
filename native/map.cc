// Map: the box is cut into tiles of some hundred elements, whose registers stay in the first cache; each instruction
// is one vectorised loop over a tile. A Map that only copies goes without registers (copy.cc).
#include "map.h"

namespace undiffuse {

namespace {

constexpr int64_t TILE = 1024;

struct Coded {
  Instruction instruction;
  int32_t a, b, c;
};

int operands(Instruction instruction) {
  if (instruction == Const) return 0;
  if (instruction == Where) return 3;
  if (instruction >= Add && instruction <= Equal) return 2;
  const bool known = (instruction >= Neg && instruction <= Erf) || instruction == Truncate || instruction == NotZero ||
                     instruction == Copy;
  if (!known) throw std::runtime_error("unknown instruction " + std::to_string(instruction));
  return 1;
}

template <class F>
void each(int64_t n, float* out, const float* a, F f) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = f(a[i]);
}
template <class F>
void each(int64_t n, float* out, const float* a, const float* b, F f) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = f(a[i], b[i]);
}

void evaluate(const Coded& coded, int64_t n, float* out, const float* const* registers) {
  const auto unary = [&](auto f) { each(n, out, registers[coded.a], f); };
  const auto binary = [&](auto f) { each(n, out, registers[coded.a], registers[coded.b], f); };
  switch (coded.instruction) {
    case Neg: return unary([](float a) { return -a; });
    case Exp: return unary(exponential);
    case Log: return unary([](float a) { return std::log(a); });
    case Sqrt: return unary([](float a) { return std::sqrt(a); });
    case Sin: return unary([](float a) { return std::sin(a); });
    case Cos: return unary([](float a) { return std::cos(a); });
    case Tanh: return unary(hyperbolicTangent);
    case Sigmoid: return unary(sigmoid);
    case Silu: return unary([](float a) { return a / (1.f + exponential(-a)); });
    case Relu: return unary([](float a) { return a < 0.f ? 0.f : a; });
    case Abs: return unary([](float a) { return std::fabs(a); });
    case Sign: return unary([](float a) { return a > 0.f ? 1.f : a < 0.f ? -1.f : a; });
    case Erf: return unary(errorFunction);
    case Add: return binary([](float a, float b) { return a + b; });
    case Sub: return binary([](float a, float b) { return a - b; });
    case Mul: return binary([](float a, float b) { return a * b; });
    case Div: return binary([](float a, float b) { return a / b; });
    case Maximum: return binary([](float a, float b) { return a > b || a != a ? a : b; });
    case Minimum: return binary([](float a, float b) { return a < b || a != a ? a : b; });
    case Greater: return binary([](float a, float b) { return a > b ? 1.f : 0.f; });
    case Equal: return binary([](float a, float b) { return a == b ? 1.f : 0.f; });
    case Where: {
      const float *a = registers[coded.a], *b = registers[coded.b], *c = registers[coded.c];
#pragma omp simd
      for (int64_t i = 0; i < n; ++i) out[i] = a[i] != 0.f ? b[i] : c[i];
      return;
    }
    case Const: std::fill_n(out, n, asFloat(static_cast<uint32_t>(coded.a))); return;
    case Truncate: return unary([](float a) { return std::trunc(a); });
    case NotZero: return unary([](float a) { return a != 0.f ? 1.f : 0.f; });
    case Copy: return unary([](float a) { return a; });
  }
}

// Towards zero; NaN and what an int32 cannot hold give the least int32, as the processor's conversion does.
int32_t toInt(float value) {
  return value >= -2147483648.f && value < 2147483648.f ? static_cast<int32_t>(value) : INT32_MIN;
}

// Towards zero, and to the nearer end what lies beyond 0 to 255; NaN gives 0.
uint8_t toByte(float value) { return value > 0.f ? static_cast<uint8_t>(std::min(value, 255.f)) : 0; }

// rows × columns elements: the part of the box that a tile covers. Offsets are in elements.
struct Tile {
  int64_t rows, columns;
};

template <class T>
void load(const T* in, int64_t rowStride, int64_t stride, Tile tile, float* out) {
  for (int64_t r = 0; r < tile.rows; ++r, in += rowStride, out += tile.columns) {
    if (stride == 1) {
#pragma omp simd
      for (int64_t i = 0; i < tile.columns; ++i) out[i] = static_cast<float>(in[i]);
    } else if (stride == 0) {
      std::fill_n(out, tile.columns, static_cast<float>(*in));
    } else {
      for (int64_t i = 0; i < tile.columns; ++i) out[i] = static_cast<float>(in[i * stride]);
    }
  }
}

template <class T, class F>
void store(const float* in, T* out, int64_t rowStride, int64_t stride, Tile tile, F convert) {
  for (int64_t r = 0; r < tile.rows; ++r, out += rowStride, in += tile.columns) {
    if (stride == 1) {
#pragma omp simd
      for (int64_t i = 0; i < tile.columns; ++i) out[i] = convert(in[i]);
    } else {
      for (int64_t i = 0; i < tile.columns; ++i) out[i * stride] = convert(in[i]);
    }
  }
}

// What of a Map does not change between tiles.
class Program {
 public:
  Program(Box box, std::vector<Coded> code, Setup& setup);
  void run() const;

 private:
  void runTiles(int64_t begin, int64_t end, float* buffers) const;
  bool dense(const Operand& operand, Tile tile) const {
    return operand.strides[inner_] == 1 && (tile.rows == 1 || operand.strides[inner_ - 1] == tile.columns);
  }
  void loadTile(const Operand& operand, int64_t offset, Tile tile, float* buffer) const;
  void storeTile(const float* result, int64_t offset, Tile tile) const;

  Box box_;
  std::vector<Coded> code_;
  std::vector<int32_t> slots_;  // buffer of each register
  int64_t slotCount_ = 0;
  size_t inner_;                // the last dimension
  Tile whole_;                  // of a tile that is cut off nowhere
  int64_t rowTiles_, columnTiles_, outer_ = 1;
  int threads_;
  Region buffers_;
};

Program::Program(Box box, std::vector<Coded> code, Setup& setup) : box_(std::move(box)), code_(std::move(code)) {
  inner_ = box_.dims.size() - 1;
  const int64_t columns = box_.dims[inner_], rows = box_.dims[inner_ - 1];
  // Long rows are cut evenly, short ones taken together.
  columnTiles_ = (columns + TILE - 1) / TILE;
  whole_.columns = columnTiles_ == 1 ? columns : ((columns + columnTiles_ - 1) / columnTiles_ + 15) / 16 * 16;
  columnTiles_ = (columns + whole_.columns - 1) / whole_.columns;
  whole_.rows = columnTiles_ == 1 ? std::min(rows, TILE / columns) : 1;
  rowTiles_ = (rows + whole_.rows - 1) / whole_.rows;
  for (size_t d = 0; d + 1 < inner_; ++d) outer_ *= box_.dims[d];
  threads_ = threadsFor(outer_ * rows * columns * static_cast<int64_t>(code_.size()), setup.threads);

  // A register's buffer is free again after its last use. Inputs that repeat along rows keep theirs, so that they are
  // loaded once for many tiles.
  const size_t inputs = box_.inputs.size();
  std::vector<size_t> lastUse(inputs + code_.size(), 0);
  for (size_t i = 0; i < code_.size(); ++i) {
    const int32_t used[] = {code_[i].a, code_[i].b, code_[i].c};
    for (int j = 0; j < operands(code_[i].instruction); ++j) lastUse[used[j]] = i;
  }
  for (size_t i = 0; i < inputs; ++i)
    if (box_.inputs[i].strides[inner_ - 1] == 0) lastUse[i] = code_.size();
  std::vector<int32_t> unused;
  const auto take = [&] {
    if (unused.empty()) return static_cast<int32_t>(slotCount_++);
    const int32_t slot = unused.back();
    unused.pop_back();
    return slot;
  };
  for (size_t i = 0; i < inputs; ++i) slots_.push_back(take());
  for (size_t i = 0; i < code_.size(); ++i) {
    for (size_t r = 0; r < inputs + i; ++r)
      if (lastUse[r] == i) unused.push_back(slots_[r]), lastUse[r] = code_.size();
    slots_.push_back(take());
  }
  buffers_ = setup.reserve(sizeof(float) * TILE * slotCount_ * threads_);
}

void Program::run() const {
  parallel(outer_ * rowTiles_ * columnTiles_, threads_, [&](int64_t begin, int64_t end, int thread) {
    runTiles(begin, end, buffers_.as<float>() + TILE * slotCount_ * thread);
  });
}

void Program::runTiles(int64_t begin, int64_t end, float* buffers) const {
  const size_t inputs = box_.inputs.size();
  std::vector<float*> registers(inputs + code_.size());
  std::vector<int64_t> loaded(inputs, -1), columnsLoaded(inputs, 0), rowsLoaded(inputs, 0);
  for (int64_t task = begin; task < end; ++task) {
    const int64_t column = task % columnTiles_ * whole_.columns;
    const int64_t row = task / columnTiles_ % rowTiles_ * whole_.rows;
    const int64_t outer = task / columnTiles_ / rowTiles_;
    const Tile tile{std::min(whole_.rows, box_.dims[inner_ - 1] - row),
                    std::min(whole_.columns, box_.dims[inner_] - column)};
    const auto offsetOf = [&](const Operand& operand) {
      int64_t offset = operand.offset + row * operand.strides[inner_ - 1] + column * operand.strides[inner_];
      for (int64_t d = static_cast<int64_t>(inner_) - 2, rest = outer; d >= 0; rest /= box_.dims[d--])
        offset += rest % box_.dims[d] * operand.strides[d];
      return offset;
    };
    for (size_t i = 0; i < inputs; ++i) {
      const Operand& input = box_.inputs[i];
      const int64_t offset = offsetOf(input);
      if (input.value->dtype == Float32 && dense(input, tile)) {
        registers[i] = input.value->floats() + offset;
        continue;
      }
      registers[i] = buffers + TILE * slots_[i];
      const bool repeats = input.strides[inner_ - 1] == 0;
      if (repeats && loaded[i] == offset && columnsLoaded[i] == tile.columns && rowsLoaded[i] >= tile.rows) continue;
      loadTile(input, offset, tile, registers[i]);
      loaded[i] = offset, columnsLoaded[i] = tile.columns, rowsLoaded[i] = tile.rows;
    }
    const int64_t n = tile.rows * tile.columns, offset = offsetOf(box_.out);
    const bool direct = box_.out.value->dtype == Float32 && dense(box_.out, tile);
    for (size_t i = 0; i < code_.size(); ++i) {
      const bool last = i + 1 == code_.size();
      float*& result = registers[inputs + i];
      result = last && direct ? box_.out.value->floats() + offset : buffers + TILE * slots_[inputs + i];
      evaluate(code_[i], n, result, registers.data());
    }
    if (!direct) storeTile(registers.back(), offset, tile);
  }
}

void Program::loadTile(const Operand& operand, int64_t offset, Tile tile, float* buffer) const {
  const int64_t rowStride = operand.strides[inner_ - 1], stride = operand.strides[inner_];
  const Value& value = *operand.value;
  if (dense(operand, tile)) tile = {1, tile.rows * tile.columns};
  if (value.dtype == Float32) return load(value.floats() + offset, rowStride, stride, tile, buffer);
  if (value.dtype == BFloat16) return load(value.as<Bf16>() + offset, rowStride, stride, tile, buffer);
  if (value.dtype == Int32) return load(value.ints() + offset, rowStride, stride, tile, buffer);
  load(value.data + offset, rowStride, stride, tile, buffer);
}

void Program::storeTile(const float* result, int64_t offset, Tile tile) const {
  const int64_t rowStride = box_.out.strides[inner_ - 1], stride = box_.out.strides[inner_];
  const Value& value = *box_.out.value;
  if (dense(box_.out, tile)) tile = {1, tile.rows * tile.columns};
  if (value.dtype == BFloat16)
    return store(result, value.as<Bf16>() + offset, rowStride, stride, tile, [](float x) { return Bf16(x); });
  if (value.dtype == Float32)
    return store(result, value.floats() + offset, rowStride, stride, tile, [](float x) { return x; });
  if (value.dtype == Int32) return store(result, value.ints() + offset, rowStride, stride, tile, toInt);
  if (value.dtype == UInt8) return store(result, value.data + offset, rowStride, stride, tile, toByte);
  store(result, value.data + offset, rowStride, stride, tile, [](float x) { return uint8_t(x != 0.f); });
}

void readStrides(Words& words, const std::vector<int64_t>& dims, Operand& operand) {
  operand.offset = words.next();
  operand.strides = words.list(dims.size());
  int64_t first = operand.offset, last = operand.offset;
  for (size_t d = 0; d < dims.size(); ++d) (operand.strides[d] < 0 ? first : last) += operand.strides[d] * (dims[d] - 1);
  if (first < 0) throw std::runtime_error("an operand is walked from before its first element");
  need(operand.value, last + 1);
}

// The dimensions in the order in which the result lies in memory, those of one index dropped, and those that every
// operand walks as one merged; at least two.
Box simplified(const Box& box) {
  std::vector<size_t> order;
  for (size_t d = 0; d < box.dims.size(); ++d)
    if (box.dims[d] > 1) order.push_back(d);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::abs(box.out.strides[a]) > std::abs(box.out.strides[b]);
  });
  Box result = box;
  const auto operands = [&](auto f) {
    f(box.out, result.out);
    for (size_t i = 0; i < box.inputs.size(); ++i) f(box.inputs[i], result.inputs[i]);
  };
  result.dims.clear();
  operands([](const Operand&, Operand& to) { to.strides.clear(); });
  for (const size_t d : order) {
    bool merges = !result.dims.empty();
    operands([&](const Operand& from, Operand& to) {
      merges = merges && to.strides.back() == from.strides[d] * box.dims[d];
    });
    if (merges) {
      result.dims.back() *= box.dims[d];
      operands([&](const Operand& from, Operand& to) { to.strides.back() = from.strides[d]; });
    } else {
      result.dims.push_back(box.dims[d]);
      operands([&](const Operand& from, Operand& to) { to.strides.push_back(from.strides[d]); });
    }
  }
  while (result.dims.size() < 2) {
    const bool none = result.dims.empty();
    result.dims.insert(result.dims.begin(), 1);
    operands([&](const Operand&, Operand& to) { to.strides.insert(to.strides.begin(), none ? 1 : 0); });
  }
  return result;
}

}  // namespace

Step prepareMap(Setup& setup) {
  Words& words = setup.words;
  Box box;
  const int32_t rank = words.next();
  for (int32_t d = 0; d < rank; ++d) box.dims.push_back(words.positive());
  box.out.value = setup.any();
  readStrides(words, box.dims, box.out);
  const int32_t inputs = words.next();
  for (int32_t i = 0; i < inputs; ++i) {
    box.inputs.push_back({setup.any(), 0, {}});
    readStrides(words, box.dims, box.inputs.back());
  }
  std::vector<Coded> code;
  const int64_t instructions = words.positive();
  for (int64_t i = 0; i < instructions; ++i) {
    const int32_t* coded = words.take(4);
    code.push_back({static_cast<Instruction>(coded[0]), coded[1], coded[2], coded[3]});
    for (int j = 0; j < operands(code[i].instruction); ++j)
      if (coded[1 + j] < 0 || coded[1 + j] >= static_cast<int32_t>(box.inputs.size() + i))
        throw std::runtime_error("instruction " + std::to_string(i) + " reads register " +
                                 std::to_string(coded[1 + j]) + ", which is not yet written");
  }
  box = simplified(box);
  const bool copies = box.inputs.size() == 1 && code.size() == 1 && code[0].instruction == Copy;
  if (copies && box.inputs[0].value->dtype == box.out.value->dtype) return prepareCopy(setup, box);
  auto program = std::make_shared<Program>(std::move(box), std::move(code), setup);
  return [program] { program->run(); };
}

}  // namespace undiffuse

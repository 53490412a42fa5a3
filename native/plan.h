// The plan that src/native writes and the engine runs: a flat list of int32 words, and arrays of constants.
//
//   header   MAGIC, number of values, number of steps, arena in units of ALIGN bytes, number of feeds, of outputs
//   values   dtype, place, location, rank, dims...
//   steps    opcode, number of words that follow, body...
//
// A value is a dense row-major array. Its dims are those of storage: images are [n, h, w, c], whatever the graph
// calls them. Two values may share memory: one seen under other dims, or a result over an input that ends there,
// which the planner does for MAP alone and only where both are walked by the same strides. A value id of -1 is none.
// Floats among the words are their bits. `location` is an offset in units of ALIGN bytes for Arena, an index for
// Feed, Constant and Output. Constants never change over the life of a plan, feeds do.
//
// BFloat16 is float32 rounded to its upper half, which the planner stores activations in where a plan is to have that
// precision; it is never what a caller feeds or gets. "Real" below is Float32 or BFloat16; what is said of no dtype is
// Float32. Every step computes in float32 and rounds what it stores, to nearest even. A product (MatMul, Conv and its
// gradients) of which one factor is BFloat16 takes both rounded to it, and adds up in float32.
#pragma once
#include <cstdint>

namespace undiffuse {

constexpr int32_t MAGIC = 0x554E4431;
constexpr int64_t ALIGN = 64;

enum DType : int32_t { Float32 = 0, Int32 = 1, Bool = 2, UInt8 = 3, BFloat16 = 4 };  // Bool is one byte, 0 or 1
enum Place : int32_t { Arena = 0, Feed = 1, Constant = 2, Output = 3 };

enum Opcode : int32_t {
  // A program of elementwise instructions at every index of a box.
  //   rank, dims[rank], out, outOffset, outStrides[rank], inputs, { value, offset, strides[rank] } of each,
  //   instructions, { instruction, a, b, c } of each
  // Offsets and strides are in elements; a stride of 0 repeats. Registers hold float32: first the inputs in order
  // (those of other dtypes converted), then one an instruction, whose operands a, b, c are registers. The last register is
  // stored, converted to the result's dtype (to int32 and uint8 towards zero; to bool as != 0). With strides this is also
  // permutation, slicing, joining, padding (after Fill), broadcasting and nearest upsampling. No two indices of the
  // box store to one element.
  Map = 0,
  //   out, value (float bits): every element
  Fill = 1,
  //   kind (0 sum, 1 max), in, out, A, R, B: in [A, R, B] to out [A, B], real. Sums are accurate to a few float32
  //   roundings however long (partial sums in blocks, or double).
  Reduce = 2,
  //   a, b, out (real), batchRank, batchDims[], aBatchStrides[], bBatchStrides[], M, N, K, aRow, aColumn, bRow, bColumn
  //   out [batch..., M, N] dense; strides in elements, batch strides may be 0, any of row and column strides may be 1
  MatMul = 3,
  //   in, out (real), rows, columns: along columns, less the largest
  Softmax = 4,
  //   table, indices (int32), out, count, width: out[i] = table[indices[i]], rows of `width` float32
  Gather = 5,
  //   rows, indices (int32), out, count, width, size: out [size, width] is the sum of rows[i] at indices[i]
  ScatterAdd = 6,
  //   x [n, h, w, c], weight [m, c, kh, kw] (dense, as in the graph), bias [m] or -1, out [n, oh, ow, m] (all but bias
  //   real),
  //   n, h, w, c, m, kh, kw, oh, ow, stride, top, left, bottom, right, block
  //   Images are [n, h, w, channels] with a block of 1, else [n, channels / block, h, w, block]: 8 or 16, which both c
  //   and m are multiples of (oneDNN's nChw8c and nChw16c).
  Conv = 7,
  //   dy [n, oh, ow, m], weight, out = dx [n, h, w, c] (real), the same 15 numbers
  ConvInputGrad = 8,
  //   x, dy (real), out = dweight [m, c, kh, kw], the same 15 numbers
  ConvWeightGrad = 9,
  //   x [n, positions, c], scale [c], shift [c], out, statistics [n, groups, 2] (mean, 1 / √(variance + eps); written),
  //   n, positions, c, groups, eps (float bits), silu (0 or 1), block: x and out are [n, c / block, positions, block],
  //   where block is c itself for channels innermost; both are real, of one dtype. Group g has channels g·c/groups up to (g + 1)·c/groups.
  //   y = x̂ · scale + shift, then y · sigmoid(y) with silu. Variance without cancellation: two passes, or shifted.
  GroupNorm = 10,
  //   x, scale, shift, dy, statistics (as written by GroupNorm, or -1: computed again), dx, dscale, dshift (any may be
  //   -1), n, positions, c, groups, eps, silu, block; x, dy and dx are real, of one dtype
  GroupNormGrad = 11,
  //   q [batch, queries, heads · width], k [batch, keys, heads · width], v [batch, keys, heads · valueWidth],
  //   out [batch, queries, heads · valueWidth] (all real), batch, queries, keys, heads, width, valueWidth,
  //   scale (float bits): softmax(scale · q kᵀ) v in each head, whose channels are consecutive ones. Scores of a few queries at a time, never all in memory.
  Attention = 12,
  //   q, k, v, y (what Attention made), dy, dq, dk, dv (any of these three may be -1; all real), the same 7 numbers
  AttentionGrad = 13,
};

enum Instruction : int32_t {
  Neg = 0, Exp, Log, Sqrt, Sin, Cos, Tanh, Sigmoid, Silu, Relu, Abs, Sign, Erf,
  Add = 32, Sub, Mul, Div, Maximum, Minimum,
  Greater, Equal,  // 1 or 0
  Where,           // a != 0 ? b : c
  Const,           // a is the bits of a float
  Truncate,        // a without its fraction, as a conversion to int32 does
  NotZero,         // a != 0 ? 1 : 0
  Copy,            // a
};

}  // namespace undiffuse

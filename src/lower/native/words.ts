import type { DType } from "../../base/index.ts";

/** What native/plan.h says, which is where each is described. */
export const MAGIC = 0x554e4431;
/** Bytes in which the arena is counted. */
export const ALIGN = 64;

export const opcodes = {
  map: 0,
  fill: 1,
  reduce: 2,
  matmul: 3,
  softmax: 4,
  gather: 5,
  scatterAdd: 6,
  conv: 7,
  convInputGrad: 8,
  convWeightGrad: 9,
  groupNorm: 10,
  groupNormGrad: 11,
  attention: 12,
  attentionGrad: 13,
} as const;
export type Opcode = keyof typeof opcodes;

export const instructions = {
  neg: 0,
  exp: 1,
  log: 2,
  sqrt: 3,
  sin: 4,
  cos: 5,
  tanh: 6,
  sigmoid: 7,
  silu: 8,
  relu: 9,
  abs: 10,
  sign: 11,
  erf: 12,
  add: 32,
  sub: 33,
  mul: 34,
  div: 35,
  maximum: 36,
  minimum: 37,
  greater: 38,
  equal: 39,
  where: 40,
  constant: 41,
  truncate: 42,
  notZero: 43,
  copy: 44,
} as const;
export type Instruction = keyof typeof instructions;

export type Place = "arena" | "feed" | "constant" | "output";
export const places: Readonly<Record<Place, number>> = { arena: 0, feed: 1, constant: 2, output: 3 };

/** How numbers are stored: as graphs know them, or float32 rounded to bfloat16. */
export type Storage = DType | "bfloat16";
const storages: Readonly<Record<Storage, readonly [word: number, bytes: number]>> = {
  float32: [0, 4],
  int32: [1, 4],
  bool: [2, 1],
  uint8: [3, 1],
  bfloat16: [4, 2],
};

export const dtypeWord = (dtype: Storage): number => storages[dtype][0];

export const bytesOf = (dtype: Storage): number => storages[dtype][1];

const bits = new Int32Array(1);
const float = new Float32Array(bits.buffer);
/** A float32 as a word. */
export const floatBits = (value: number): number => {
  float[0] = value;
  return bits[0] as number;
};

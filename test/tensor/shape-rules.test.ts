import { describe, expect, test } from "vitest";
import { type DType, type Shape, ShapeError } from "../../src/base/index.ts";
import { input, type OpAttributes, type OpName, Tensor } from "../../src/tensor/index.ts";

const f = (...shape: number[]) => input(shape);
const typed = (dtype: DType, shape: Shape) => input(shape, dtype);
const int = (...shape: number[]) => typed("int32", shape);
const bool = (...shape: number[]) => typed("bool", shape);

/** What is wrong, the inputs, the attributes. */
type Refused<K extends OpName> = readonly [
  what: string,
  inputs: readonly Tensor[],
  attributes: OpAttributes[K],
];

const unary: readonly Refused<"neg">[] = [
  ["no input", [], {}],
  ["two inputs", [f(2), f(2)], {}],
  ["integers", [int(2)], {}],
];
const binary: readonly Refused<"add">[] = [
  ["one input", [f(2)], {}],
  ["shapes that do not spread", [f(2, 3), f(2)], {}],
  ["an integer", [f(2), int(2)], {}],
];
const comparison: readonly Refused<"equal">[] = [
  ["two dtypes", [f(2), int(2)], {}],
  ["shapes that do not spread", [f(2), f(3)], {}],
  ["one input", [f(2)], {}],
];

const same = { stride: 1, padding: [1, 1, 1, 1] } as const;
const size = [4, 4] as const;
const kernel = [3, 3] as const;
const norm = { groups: 2, eps: 1e-5, silu: false } as const;

const refused: { readonly [K in OpName]: readonly Refused<K>[] } = {
  input: [
    ["a negative size", [], { shape: [-1], dtype: "float32" }],
    ["half an element", [], { shape: [2.5], dtype: "float32" }],
  ],
  constant: [], // its array was checked when it was made

  neg: unary,
  exp: unary,
  log: unary,
  sqrt: unary,
  sin: unary,
  cos: unary,
  tanh: unary,
  sigmoid: unary,
  silu: unary,
  relu: unary,
  abs: unary,
  sign: unary,
  detach: unary,
  erf: unary,

  add: binary,
  sub: binary,
  mul: binary,
  div: binary,
  maximum: binary,
  minimum: binary,
  greater: comparison,
  equal: comparison,
  where: [
    ["a condition of numbers", [f(2), f(2), f(2)], {}],
    ["a branch of integers", [bool(2), int(2), f(2)], {}],
    ["shapes that do not spread", [bool(2), f(2), f(3)], {}],
    ["one branch", [bool(2), f(2)], {}],
  ],
  cast: [["two inputs", [f(2), f(2)], { dtype: "int32" }]],

  sum: [
    ["an axis too far", [f(2, 3)], { axes: [2], keepDims: false }],
    ["an axis from the end", [f(2, 3)], { axes: [-1], keepDims: false }],
    ["an axis twice", [f(2, 3)], { axes: [1, 1], keepDims: false }],
    ["bools", [bool(2)], { axes: [0], keepDims: false }],
  ],
  max: [
    ["an axis too far", [f(2, 3)], { axes: [2], keepDims: false }],
    ["nothing to choose from", [f(2, 0)], { axes: [1], keepDims: false }],
    ["bools", [bool(2)], { axes: [0], keepDims: false }],
  ],
  reshape: [
    ["too many elements", [f(2, 3)], { shape: [7] }],
    ["sizes below zero", [f(2, 3)], { shape: [-2, -3] }],
    ["halves", [f(5)], { shape: [2, 2.5] }],
  ],
  transpose: [
    ["an axis twice", [f(2, 3)], { order: [0, 0] }],
    ["an axis too few", [f(2, 3)], { order: [0] }],
  ],
  broadcastTo: [
    ["a smaller target", [f(2, 3)], { shape: [1, 3] }],
    ["another size", [f(2)], { shape: [3] }],
    ["fewer axes", [f(1, 3)], { shape: [3] }],
  ],
  slice: [
    ["an end outside", [f(4)], { starts: [0], ends: [5] }],
    ["a start below zero", [f(4)], { starts: [-1], ends: [2] }],
    ["nothing", [f(4)], { starts: [2], ends: [2] }],
    ["half an element", [f(5)], { starts: [0], ends: [2.5] }],
    ["an axis too few", [f(4, 4)], { starts: [0], ends: [2] }],
  ],
  pad: [
    ["an axis too few", [f(2, 3)], { before: [1], after: [1] }],
    ["unequal lists", [f(2, 3)], { before: [1, 1], after: [1] }],
    ["less than nothing", [f(2)], { before: [-1], after: [0] }],
  ],
  concat: [
    ["nothing", [], { axis: 0 }],
    ["another size", [f(2, 3), f(2, 4)], { axis: 0 }],
    ["another rank", [f(2, 3), f(2)], { axis: 1 }],
    ["another dtype", [f(2), int(2)], { axis: 0 }],
    ["an axis too far", [f(2)], { axis: 1 }],
  ],
  gather: [
    ["indices of floats", [f(4, 3), f(2)], {}],
    ["a table of indices", [f(4, 3), int(2, 2)], {}],
    ["no rows", [f(), int(2)], {}],
  ],
  scatterAdd: [
    ["indices of floats", [f(2, 3), f(2)], { size: 4 }],
    ["an index too few", [f(2, 3), int(1)], { size: 4 }],
    ["rows of integers", [int(2), int(2)], { size: 4 }],
    ["no room", [f(2), int(2)], { size: 0 }],
  ],

  matmul: [
    ["other inner sizes", [f(2, 3), f(2, 3)], {}],
    ["a vector", [f(2, 3), f(3)], {}],
    ["batches that do not spread", [f(2, 2, 2), f(3, 2, 2)], {}],
    ["integers", [int(2, 2), int(2, 2)], {}],
  ],
  softmax: [["a scalar", [f()], {}], ...unary],
  attention: [
    ["keys of other channels", [f(1, 2, 3), f(1, 2, 4), f(1, 2, 3)], { heads: 1, scale: 1 }],
    ["a value too few", [f(1, 2, 3), f(1, 3, 3), f(1, 2, 3)], { heads: 1, scale: 1 }],
    ["another batch", [f(2, 2, 3), f(1, 2, 3), f(1, 2, 3)], { heads: 1, scale: 1 }],
    ["heads on an axis of their own", [f(1, 1, 2, 3), f(1, 1, 2, 3), f(1, 1, 2, 3)], { heads: 1, scale: 1 }],
    ["channels that heads do not divide", [f(1, 2, 3), f(1, 2, 3), f(1, 2, 4)], { heads: 2, scale: 1 }],
    ["no head", [f(1, 2, 3), f(1, 2, 3), f(1, 2, 3)], { heads: 0, scale: 1 }],
  ],

  conv2d: [
    ["other channels", [f(1, 2, 4, 4), f(3, 3, 3, 3)], same],
    ["a bias of other channels", [f(1, 2, 4, 4), f(3, 2, 3, 3), f(2)], same],
    ["no batch axis", [f(2, 4, 4), f(3, 2, 3, 3)], same],
    ["a kernel larger than the image", [f(1, 2, 4, 4), f(3, 2, 7, 7)], same],
    ["stride 0", [f(1, 2, 4, 4), f(3, 2, 3, 3)], { ...same, stride: 0 }],
    ["half a stride", [f(1, 2, 4, 4), f(3, 2, 3, 3)], { ...same, stride: 1.5 }],
    ["padding below zero", [f(1, 2, 4, 4), f(3, 2, 3, 3)], { stride: 1, padding: [0, 0, -1, 0] }],
  ],
  conv2dInputGrad: [
    ["a gradient of another size", [f(1, 3, 5, 4), f(3, 2, 3, 3)], { ...same, size }],
    ["a gradient of other channels", [f(1, 2, 4, 4), f(3, 2, 3, 3)], { ...same, size }],
    ["stride 0", [f(1, 3, 4, 4), f(3, 2, 3, 3)], { ...same, stride: 0, size }],
  ],
  conv2dWeightGrad: [
    ["a gradient of another size", [f(1, 2, 4, 4), f(1, 3, 4, 5)], { ...same, kernel }],
    ["a gradient of another batch", [f(1, 2, 4, 4), f(2, 3, 4, 4)], { ...same, kernel }],
    ["no batch axis", [f(2, 4, 4), f(3, 4, 4)], { ...same, kernel }],
  ],
  upsampleNearest: [
    ["no channels", [f(1, 4, 4)], { scale: 2 }],
    ["half a scale", [f(1, 1, 4, 4)], { scale: 1.5 }],
    ["scale 0", [f(1, 1, 4, 4)], { scale: 0 }],
  ],
  groupNorm: [
    ["groups that do not divide the channels", [f(1, 3, 2), f(3), f(3)], norm],
    ["a scale of other channels", [f(1, 4, 2), f(2), f(4)], norm],
    ["a shift of other channels", [f(1, 4, 2), f(4), f(2)], norm],
    ["no groups", [f(1, 4, 2), f(4), f(4)], { ...norm, groups: 0 }],
    ["no channels", [f(4), f(4), f(4)], norm],
  ],
  attentionGrad: [
    [
      "a result of another shape",
      [f(1, 2, 4), f(1, 3, 4), f(1, 3, 2), f(1, 2, 4), f(1, 2, 2)],
      { heads: 1, scale: 1, wrt: "q" },
    ],
    [
      "a gradient of another shape",
      [f(1, 2, 4), f(1, 3, 4), f(1, 3, 2), f(1, 2, 2), f(1, 3, 2)],
      { heads: 1, scale: 1, wrt: "k" },
    ],
    ["no gradient", [f(1, 2, 4), f(1, 3, 4), f(1, 3, 2), f(1, 2, 2)], { heads: 1, scale: 1, wrt: "v" }],
  ],
  groupNormGrad: [
    ["a gradient of another shape", [f(1, 4, 2), f(4), f(4), f(1, 4, 3)], { ...norm, wrt: "x" }],
    ["groups that do not divide the channels", [f(1, 3), f(3), f(3), f(1, 3)], { ...norm, wrt: "scale" }],
    ["no gradient", [f(1, 4, 2), f(4), f(4)], { ...norm, wrt: "shift" }],
  ],
};

const refusing = (Object.keys(refused) as OpName[]).filter((op) => refused[op].length > 0);

test("every operation but the constant refuses something", () => {
  expect(Object.keys(refused).filter((op) => !refusing.includes(op as OpName))).toEqual(["constant"]);
});

describe.each(refusing)("%s refuses", (op) => {
  test.each(refused[op] as readonly Refused<OpName>[])("%s", (_, inputs, attributes) => {
    const make = () => new Tensor(op, inputs, attributes);
    expect(make).toThrow(ShapeError);
    expect(make).toThrow(new RegExp(`^${op}: expected .*, got `));
  });
});

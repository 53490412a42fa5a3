import { type DType, Generator, NDArray, type Shape } from "../../src/base/index.ts";
import { input, type OpAttributes, type OpName, Tensor } from "../../src/tensor/index.ts";

/** How the values of an input are drawn: normals by default. */
type Values = "normal" | "positive" | "bool" | readonly number[];

interface InputSpec {
  readonly shape: Shape;
  readonly values?: Values;
  readonly dtype?: DType;
}
interface CaseSpec<K extends OpName> {
  /** What is particular about it. */
  readonly name: string;
  readonly inputs: readonly InputSpec[];
  readonly attributes: OpAttributes[K];
}

const plain = (shape: Shape, values: Values = "normal") => ({
  name: `of [${shape}]`,
  inputs: [{ shape, values }],
  attributes: {},
});
const unary = (values?: Values) => [plain([7], values), plain([2, 3, 5], values), plain([], values)];

const pairOf = (name: string, a: Shape, b: Shape, values: Values = "normal") => ({
  name,
  inputs: [{ shape: a }, { shape: b, values }],
  attributes: {},
});
const binary = (values?: Values) => [
  pairOf("of equal shapes", [2, 3], [2, 3], values),
  pairOf("of a column and a row", [3, 1], [1, 5], values),
  pairOf("of a scalar and an image", [], [1, 3, 2, 3], values),
  pairOf("of a tensor and one value a channel", [2, 3, 4], [3, 1], values),
];
const ties = {
  name: "with ties",
  inputs: [
    { shape: [4], values: [1, 2, 3, 4] },
    { shape: [4], values: [4, 2, 1, 4] },
  ],
  attributes: {},
};

const whole = (shape: Shape, values: readonly number[]): InputSpec => ({ shape, values, dtype: "int32" });
const bool = (shape: Shape): InputSpec => ({ shape, values: "bool", dtype: "bool" });

const images: readonly {
  name: string;
  x: Shape;
  weight: Shape;
  stride: number;
  padding: readonly [number, number, number, number];
}[] = [
  { name: "3×3, same size", x: [2, 3, 5, 4], weight: [4, 3, 3, 3], stride: 1, padding: [1, 1, 1, 1] },
  { name: "1×1", x: [1, 3, 4, 3], weight: [2, 3, 1, 1], stride: 1, padding: [0, 0, 0, 0] },
  { name: "1×1, stride 2", x: [2, 2, 5, 4], weight: [3, 2, 1, 1], stride: 2, padding: [0, 0, 0, 0] },
  { name: "3×3, stride 2, odd", x: [2, 2, 7, 5], weight: [3, 2, 3, 3], stride: 2, padding: [1, 1, 1, 1] },
  {
    name: "3×3, stride 2, even, rows unread",
    x: [1, 2, 6, 6],
    weight: [2, 2, 3, 3],
    stride: 2,
    padding: [1, 1, 1, 1],
  },
  {
    name: "3×3, stride 2, padded below and right",
    x: [1, 2, 6, 4],
    weight: [2, 2, 3, 3],
    stride: 2,
    padding: [0, 0, 1, 1],
  },
  { name: "2×3 without padding", x: [1, 2, 4, 5], weight: [3, 2, 2, 3], stride: 1, padding: [0, 0, 0, 0] },
  {
    name: "asymmetric padding, wider than the kernel",
    x: [1, 1, 3, 4],
    weight: [2, 1, 2, 2],
    stride: 1,
    padding: [2, 0, 1, 3],
  },
  {
    name: "asymmetric padding, narrower than the kernel",
    x: [1, 2, 4, 5],
    weight: [2, 2, 3, 3],
    stride: 1,
    padding: [2, 0, 1, 1],
  },
  {
    name: "stride 3, kernel of the image's size",
    x: [3, 1, 4, 4],
    weight: [1, 1, 4, 4],
    stride: 3,
    padding: [0, 0, 0, 0],
  },
  { name: "one pixel", x: [1, 2, 1, 1], weight: [2, 2, 3, 3], stride: 1, padding: [1, 1, 1, 1] },
];
const outputShape = ({ x, weight, stride, padding }: (typeof images)[number]): Shape => [
  x[0] as number,
  weight[0] as number,
  Math.floor(((x[2] as number) + padding[0] + padding[2] - (weight[2] as number)) / stride) + 1,
  Math.floor(((x[3] as number) + padding[1] + padding[3] - (weight[3] as number)) / stride) + 1,
];

const norms = [
  { name: "of a batch", shape: [2, 6, 3, 5], attributes: { groups: 3, eps: 1e-5, silu: false } },
  { name: "with SiLU", shape: [2, 4, 3, 2], attributes: { groups: 2, eps: 1e-6, silu: true } },
  { name: "in one group", shape: [1, 3, 2, 2], attributes: { groups: 1, eps: 1e-5, silu: true } },
  { name: "a group a channel", shape: [2, 3, 7], attributes: { groups: 3, eps: 1e-5, silu: false } },
  { name: "of single pixels", shape: [3, 6, 1, 1], attributes: { groups: 2, eps: 1e-5, silu: true } },
  { name: "of vectors", shape: [3, 8], attributes: { groups: 2, eps: 1e-5, silu: false } },
] as const;
const normInputs = (shape: Shape): readonly InputSpec[] => {
  const channels = [shape[1] as number];
  return [{ shape }, { shape: channels }, { shape: channels }];
};

/** Attention of few and many tokens. */
const attentions = [
  {
    name: "to itself",
    inputs: [{ shape: [2, 5, 3] }, { shape: [2, 5, 3] }, { shape: [2, 5, 3] }],
    attributes: { heads: 1, scale: 0.6 },
  },
  {
    name: "to other tokens",
    inputs: [{ shape: [1, 3, 4] }, { shape: [1, 7, 4] }, { shape: [1, 7, 2] }],
    attributes: { heads: 1, scale: 0.5 },
  },
  {
    name: "to one token",
    inputs: [{ shape: [2, 1, 2] }, { shape: [2, 1, 2] }, { shape: [2, 1, 3] }],
    attributes: { heads: 1, scale: 1 },
  },
  {
    name: "of three heads",
    inputs: [{ shape: [2, 3, 6] }, { shape: [2, 4, 6] }, { shape: [2, 4, 9] }],
    attributes: { heads: 3, scale: 0.7 },
  },
] as const;

/** A handful of small cases for every operation: odd sizes, broadcasting, strides, asymmetric padding. */
export const cases: { readonly [K in OpName]: readonly CaseSpec<K>[] } = {
  input: [],
  constant: [
    { name: "scalar", inputs: [], attributes: { value: NDArray.of([-0.5], []) } },
    { name: "float32", inputs: [], attributes: { value: NDArray.of([1, 2, 3, 4, 5, 6], [2, 3]) } },
    { name: "int32", inputs: [], attributes: { value: NDArray.of([-7, 9], [2], "int32") } },
    { name: "bool", inputs: [], attributes: { value: NDArray.of([0, 1, 1], [3], "bool") } },
    { name: "uint8", inputs: [], attributes: { value: NDArray.of([0, 255], [2, 1], "uint8") } },
  ],

  neg: unary(),
  exp: unary(),
  log: unary("positive"),
  sqrt: unary("positive"),
  sin: unary(),
  cos: unary(),
  tanh: unary(),
  sigmoid: [...unary(), plain([4], [-60, -20, 20, 60])],
  silu: [...unary(), plain([4], [-60, -20, 20, 60])],
  relu: unary(),
  abs: unary(),
  sign: [...unary(), plain([3], [-2, 0, 3])],
  detach: unary(),
  erf: [...unary(), plain([5], [-7, -3.5, 0, 2.5, 9])],

  add: binary(),
  sub: binary(),
  mul: binary(),
  div: binary("positive"),
  maximum: [...binary(), ties],
  minimum: [...binary(), ties],
  greater: [
    ...binary(),
    ties,
    { name: "of integers", inputs: [whole([3], [1, 2, 3]), whole([], [2])], attributes: {} },
  ],
  equal: [
    ties,
    { name: "of integers", inputs: [whole([3], [1, 2, 3]), whole([2, 1], [2, 3])], attributes: {} },
  ],
  where: [
    { name: "of equal shapes", inputs: [bool([2, 5]), { shape: [2, 5] }, { shape: [2, 5] }], attributes: {} },
    {
      name: "all three spread",
      inputs: [bool([4, 1]), { shape: [3] }, { shape: [2, 1, 1] }],
      attributes: {},
    },
  ],
  cast: [
    { name: "float32 to float32", inputs: [{ shape: [3] }], attributes: { dtype: "float32" } },
    { name: "int32 to float32", inputs: [whole([3], [-1, 0, 7])], attributes: { dtype: "float32" } },
    { name: "bool to float32", inputs: [bool([2, 3])], attributes: { dtype: "float32" } },
    {
      name: "float32 to int32",
      inputs: [{ shape: [4], values: [-1.7, -0.2, 0.9, 2.5] }],
      attributes: { dtype: "int32" },
    },
    {
      name: "float32 to bool",
      inputs: [{ shape: [4], values: [-1.7, 0, 0.2, 2] }],
      attributes: { dtype: "bool" },
    },
    { name: "int32 to uint8", inputs: [whole([2], [3, 200])], attributes: { dtype: "uint8" } },
  ],

  sum: [
    { name: "of everything", inputs: [{ shape: [3, 5] }], attributes: { axes: [0, 1], keepDims: false } },
    { name: "over the middle", inputs: [{ shape: [2, 3, 5] }], attributes: { axes: [1], keepDims: true } },
    {
      name: "over outer axes",
      inputs: [{ shape: [2, 3, 5] }],
      attributes: { axes: [2, 0], keepDims: false },
    },
    { name: "over no axis", inputs: [{ shape: [2, 3] }], attributes: { axes: [], keepDims: false } },
  ],
  max: [
    { name: "of everything", inputs: [{ shape: [3, 5] }], attributes: { axes: [0, 1], keepDims: false } },
    { name: "over the middle", inputs: [{ shape: [2, 3, 5] }], attributes: { axes: [1], keepDims: true } },
    {
      name: "over outer axes",
      inputs: [{ shape: [2, 3, 5] }],
      attributes: { axes: [2, 0], keepDims: false },
    },
    { name: "over no axis", inputs: [{ shape: [2, 3] }], attributes: { axes: [], keepDims: false } },
    {
      name: "with ties",
      inputs: [{ shape: [2, 3], values: [1, 2, 2, -1, -1, -1] }],
      attributes: { axes: [1], keepDims: false },
    },
  ],
  reshape: [
    { name: "to a vector", inputs: [{ shape: [2, 3, 5] }], attributes: { shape: [30] } },
    { name: "of a scalar", inputs: [{ shape: [] }], attributes: { shape: [1, 1] } },
    { name: "of integers", inputs: [whole([4], [1, 2, 3, 4])], attributes: { shape: [2, 2] } },
  ],
  transpose: [
    { name: "of a matrix", inputs: [{ shape: [3, 5] }], attributes: { order: [1, 0] } },
    { name: "in a cycle", inputs: [{ shape: [2, 3, 4] }], attributes: { order: [2, 0, 1] } },
    { name: "to channels last", inputs: [{ shape: [1, 3, 2, 5] }], attributes: { order: [0, 2, 3, 1] } },
  ],
  broadcastTo: [
    { name: "of a scalar", inputs: [{ shape: [] }], attributes: { shape: [2, 3] } },
    { name: "over inner and new axes", inputs: [{ shape: [3, 1] }], attributes: { shape: [2, 3, 4] } },
    { name: "to the same shape", inputs: [{ shape: [2, 2] }], attributes: { shape: [2, 2] } },
  ],
  slice: [
    { name: "inside every axis", inputs: [{ shape: [4, 5] }], attributes: { starts: [1, 2], ends: [3, 5] } },
    {
      name: "one element",
      inputs: [{ shape: [3, 3, 3] }],
      attributes: { starts: [2, 0, 1], ends: [3, 1, 2] },
    },
  ],
  pad: [
    { name: "around a matrix", inputs: [{ shape: [2, 3] }], attributes: { before: [1, 0], after: [2, 1] } },
    {
      name: "around an image",
      inputs: [{ shape: [1, 2, 3, 2] }],
      attributes: { before: [0, 0, 0, 2], after: [0, 0, 1, 0] },
    },
  ],
  concat: [
    {
      name: "of channels",
      inputs: [{ shape: [2, 1, 3] }, { shape: [2, 4, 3] }, { shape: [2, 2, 3] }],
      attributes: { axis: 1 },
    },
    { name: "of one", inputs: [{ shape: [3] }], attributes: { axis: 0 } },
  ],
  gather: [
    { name: "with repeats", inputs: [{ shape: [4, 3] }, whole([5], [3, 0, 3, 1, 3])], attributes: {} },
    { name: "of numbers", inputs: [{ shape: [4] }, whole([2], [2, 2])], attributes: {} },
    { name: "of matrices", inputs: [{ shape: [3, 2, 2] }, whole([1], [1])], attributes: {} },
  ],
  scatterAdd: [
    {
      name: "with repeats and gaps",
      inputs: [{ shape: [4, 3] }, whole([4], [1, 4, 1, 1])],
      attributes: { size: 6 },
    },
    { name: "of numbers", inputs: [{ shape: [3] }, whole([3], [0, 1, 0])], attributes: { size: 2 } },
    { name: "of matrices", inputs: [{ shape: [2, 3, 2] }, whole([2], [2, 0])], attributes: { size: 3 } },
  ],

  matmul: [
    pairOf("of matrices", [3, 4], [4, 5]),
    pairOf("of batches", [2, 3, 4], [2, 4, 1]),
    pairOf("of a batch and a matrix", [2, 3, 1, 5], [5, 2]),
    pairOf("of batches that spread", [2, 1, 2, 3], [3, 3, 2]),
  ],
  softmax: [plain([7]), plain([2, 3, 5]), plain([1, 3], [90, 100, -80]), plain([3, 1])],
  attention: attentions,
  attentionGrad: attentions.flatMap(({ name, inputs, attributes }) =>
    (["q", "k", "v"] as const).map((wrt) => {
      const [q, , v] = inputs;
      const result = { shape: [...q.shape.slice(0, 2), v.shape[2]] };
      return {
        name: `${name}, in ${wrt}`,
        inputs: [...inputs, result, result],
        attributes: { ...attributes, wrt },
      };
    }),
  ),

  conv2d: images.map(({ name, x, weight, stride, padding }, i) => ({
    name: i % 2 ? name : `${name}, bias`,
    inputs: [{ shape: x }, { shape: weight }, ...(i % 2 ? [] : [{ shape: weight.slice(0, 1) }])],
    attributes: { stride, padding },
  })),
  conv2dInputGrad: images.map((image) => ({
    name: image.name,
    inputs: [{ shape: outputShape(image) }, { shape: image.weight }],
    attributes: {
      stride: image.stride,
      padding: image.padding,
      size: [image.x[2] as number, image.x[3] as number],
    },
  })),
  conv2dWeightGrad: images.map((image) => ({
    name: image.name,
    inputs: [{ shape: image.x }, { shape: outputShape(image) }],
    attributes: {
      stride: image.stride,
      padding: image.padding,
      kernel: [image.weight[2] as number, image.weight[3] as number],
    },
  })),
  upsampleNearest: [
    { name: "twice", inputs: [{ shape: [2, 3, 3, 2] }], attributes: { scale: 2 } },
    { name: "three times", inputs: [{ shape: [1, 1, 1, 3] }], attributes: { scale: 3 } },
    { name: "once", inputs: [{ shape: [1, 2, 2, 2] }], attributes: { scale: 1 } },
  ],
  groupNorm: norms.map(({ name, shape, attributes }) => ({ name, inputs: normInputs(shape), attributes })),
  groupNormGrad: norms.flatMap(({ name, shape, attributes }) =>
    (["x", "scale", "shift"] as const).map((wrt) => ({
      name: `${name}, in ${wrt}`,
      inputs: [...normInputs(shape), { shape }],
      attributes: { ...attributes, wrt },
    })),
  ),
};

/** A case ready to use: its node over fresh leaves, and the leaves' values. */
export interface Case {
  readonly title: string;
  readonly node: Tensor;
  readonly values: ReadonlyMap<Tensor<"input">, NDArray>;
}

const draw = ({ shape, values = "normal", dtype = "float32" }: InputSpec, generator: Generator): NDArray => {
  if (typeof values !== "string") return NDArray.of(values, shape, dtype);
  if (values === "bool") return generator.integers(0, 2, shape).cast("bool");
  const normal = generator.normal(shape);
  return values === "positive" ? normal.abs().add(0.5) : normal;
};

const makeCases = <K extends OpName>(op: K, specs: readonly CaseSpec<K>[]): Case[] =>
  specs.map(({ name, inputs, attributes }, i) => {
    const generator = new Generator(i);
    const values = new Map(
      inputs.map((spec) => {
        const value = draw(spec, generator);
        return [input(value.shape, value.dtype), value] as const;
      }),
    );
    return { title: `${op} ${name}`, node: new Tensor(op, [...values.keys()], attributes), values };
  });

/** Every case of the table. */
export const allCases: readonly Case[] = (Object.keys(cases) as OpName[]).flatMap((op) =>
  makeCases(op, cases[op] as readonly CaseSpec<typeof op>[]),
);

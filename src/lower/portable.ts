import type { DecomposedOp, OpName, Tensor } from "../tensor/index.ts";
import { lowerConv2d, lowerConv2dInputGrad, lowerConv2dWeightGrad } from "./convolution.ts";
import { lowerGroupNorm, lowerGroupNormGrad } from "./group-norm.ts";
import { elementType, type OnnxBuilder } from "./onnx-builder.ts";

/** From the names of a node's inputs to the name of its result; or the node's decomposition is lowered. */
export type LoweringRule<K extends OpName> =
  | ((onnx: OnnxBuilder, inputs: readonly string[], node: Tensor<K>) => string)
  | (K extends DecomposedOp ? "decompose" : never);

export type Lowering = { readonly [K in OpName]: LoweringRule<K> };

const plain =
  (opType: string) =>
  (onnx: OnnxBuilder, inputs: readonly string[]): string =>
    onnx.node(opType, inputs);

const reduction =
  (opType: string) =>
  (onnx: OnnxBuilder, inputs: readonly string[], { attributes }: Tensor<"sum"> | Tensor<"max">): string =>
    onnx.node(opType, [first(inputs), onnx.int64(attributes.axes)], {
      keepdims: Number(attributes.keepDims),
      noop_with_empty_axes: 1,
    });

const first = (inputs: readonly string[]): string => inputs[0] as string;
const pair = (inputs: readonly string[]): readonly [string, string] =>
  inputs as unknown as readonly [string, string];

/** Standard ONNX (opset 18) in NCHW: what browsers and exported files get, and Node's default. */
export const portable: Lowering = {
  input: () => {
    throw new Error("inputs are named before lowering starts");
  },
  constant: (onnx, _, { attributes: { value } }) => {
    if (value.size === 1 && value.shape.length === 0 && value.dtype === "float32")
      return onnx.float(value.item());
    const key = `constant ${value.dtype} ${JSON.stringify(value.shape)} ${value.data.join()}`;
    return onnx.constant(key, () => ({ type: value.dtype, shape: value.shape, data: value.data }));
  },

  neg: plain("Neg"),
  exp: plain("Exp"),
  log: plain("Log"),
  sqrt: plain("Sqrt"),
  sin: plain("Sin"),
  cos: plain("Cos"),
  tanh: plain("Tanh"),
  sigmoid: plain("Sigmoid"),
  silu: "decompose",
  relu: plain("Relu"),
  abs: plain("Abs"),
  sign: plain("Sign"),
  detach: (_, inputs) => first(inputs),
  erf: plain("Erf"),

  add: plain("Add"),
  sub: plain("Sub"),
  mul: plain("Mul"),
  div: plain("Div"),
  maximum: plain("Max"),
  minimum: plain("Min"),
  greater: plain("Greater"),
  equal: plain("Equal"),
  where: plain("Where"),
  cast: (onnx, inputs, { dtype }) => onnx.node("Cast", inputs, { to: elementType[dtype] }),

  sum: reduction("ReduceSum"),
  max: reduction("ReduceMax"),
  reshape: (onnx, inputs, { shape }) => onnx.node("Reshape", [first(inputs), onnx.int64(shape)]),
  transpose: (onnx, inputs, { attributes: { order } }) => onnx.node("Transpose", inputs, { perm: order }),
  broadcastTo: (onnx, inputs, { shape }) => onnx.node("Expand", [first(inputs), onnx.int64(shape)]),
  slice: (onnx, inputs, { attributes: { starts, ends } }) =>
    onnx.node("Slice", [first(inputs), onnx.int64(starts), onnx.int64(ends)]),
  pad: (onnx, inputs, { attributes: { before, after } }) =>
    onnx.node("Pad", [first(inputs), onnx.int64([...before, ...after])]),
  concat: (onnx, inputs, { attributes: { axis } }) => onnx.node("Concat", inputs, { axis }),
  gather: (onnx, inputs) => onnx.node("Gather", inputs, { axis: 0 }),
  // A one-hot product: unlike ScatterND with addition, it sums in one order on every thread count.
  scatterAdd: (onnx, [rows = "", indices = ""], { attributes: { size }, inputs, shape }) => {
    const count = inputs[1]?.shape[0] as number;
    const range = onnx.constant(`range ${size}`, () => ({
      type: "int32",
      shape: [size, 1],
      data: Int32Array.from({ length: size }, (_, i) => i),
    }));
    const hits = onnx.node("Equal", [range, onnx.node("Reshape", [indices, onnx.int64([1, count])])]);
    const oneHot = onnx.node("Cast", [hits], { to: elementType.float32 });
    const product = onnx.node("MatMul", [oneHot, onnx.node("Reshape", [rows, onnx.int64([count, -1])])]);
    return onnx.node("Reshape", [product, onnx.int64(shape)]);
  },

  matmul: plain("MatMul"),
  softmax: (onnx, inputs) => onnx.node("Softmax", inputs, { axis: -1 }),
  attention: "decompose",
  attentionGrad: "decompose",

  conv2d: lowerConv2d,
  conv2dInputGrad: (onnx, inputs, node) => lowerConv2dInputGrad(onnx, pair(inputs), node),
  conv2dWeightGrad: (onnx, inputs, node) => lowerConv2dWeightGrad(onnx, pair(inputs), node),
  upsampleNearest: (onnx, inputs, { attributes: { scale } }) => {
    const scales = onnx.constant(`scales ${scale}`, () => ({
      type: "float32",
      shape: [4],
      data: Float32Array.of(1, 1, scale, scale),
    }));
    const modes = { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" };
    return onnx.node("Resize", [first(inputs), "", scales], modes);
  },
  groupNorm: lowerGroupNorm,
  groupNormGrad: lowerGroupNormGrad,
};

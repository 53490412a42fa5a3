import type { Shape } from "../base/index.ts";
import type { DecomposedOp } from "./decompositions.ts";
import * as ops from "./operations.ts";
import { constant, Tensor } from "./tensor.ts";
import type { OpName } from "./vocabulary.ts";

/**
 * From a node and the gradient of the loss in its result: the gradients in its inputs, null where none
 * flows. A fused operation may say "decompose" and is then differentiated through its primitives.
 */
export type GradientRule<K extends OpName> =
  | ((node: Tensor<K>, dy: Tensor) => readonly (Tensor | null)[])
  | (K extends DecomposedOp ? "decompose" : never);

const first = (node: Tensor): Tensor => node.inputs[0] as Tensor;
const second = (node: Tensor): Tensor => node.inputs[1] as Tensor;
const third = (node: Tensor): Tensor => node.inputs[2] as Tensor;

/** Sums each input's gradient back over the axes that broadcasting added. */
const broadcasting =
  (rule: (a: Tensor, b: Tensor, dy: Tensor, y: Tensor) => readonly [Tensor, Tensor]) =>
  (node: Tensor, dy: Tensor): readonly Tensor[] =>
    rule(first(node), second(node), dy, node).map((gradient, i) =>
      ops.sumTo(gradient, (node.inputs[i] as Tensor).shape),
    );

/** For maximum and minimum: the gradient goes to the chosen input, and half to each on a tie. */
const choice = (takesFirst: (a: Tensor, b: Tensor) => Tensor) =>
  broadcasting((a, b, dy) => {
    const tie = ops.cast(ops.equal(a, b), "float32").mul(0.5);
    const share = ops.cast(takesFirst(a, b), "float32").add(tie);
    return [dy.mul(share), dy.mul(share.neg().add(1))];
  });

/** The shape of a reduction's result with the axes that it took together as 1. */
const keptShape = ({ inputs, attributes: { axes } }: Tensor<"sum"> | Tensor<"max">): Shape =>
  (inputs[0] as Tensor).shape.map((n, axis) => (axes.includes(axis) ? 1 : n));

const noGradient = (node: Tensor): readonly null[] => node.inputs.map(() => null);

export const gradientRules: { readonly [K in OpName]: GradientRule<K> } = {
  input: noGradient,
  constant: noGradient,

  neg: (_, dy) => [dy.neg()],
  exp: (y, dy) => [dy.mul(y)],
  log: (node, dy) => [dy.div(first(node))],
  sqrt: (y, dy) => [dy.div(y.mul(2))],
  sin: (node, dy) => [dy.mul(ops.cos(first(node)))],
  cos: (node, dy) => [dy.mul(ops.sin(first(node))).neg()],
  tanh: (y, dy) => [dy.mul(y.mul(y).neg().add(1))],
  sigmoid: (y, dy) => [dy.mul(y).mul(y.neg().add(1))],
  silu: "decompose",
  relu: (node, dy) => [dy.mul(ops.cast(ops.greater(first(node), constant(0)), "float32"))],
  abs: (node, dy) => [dy.mul(ops.sign(first(node)))],
  sign: noGradient,
  detach: noGradient,
  erf: (node, dy) => [dy.mul(first(node).mul(first(node)).neg().exp()).mul(2 / Math.sqrt(Math.PI))],

  add: broadcasting((_a, _b, dy) => [dy, dy]),
  sub: broadcasting((_a, _b, dy) => [dy, dy.neg()]),
  mul: broadcasting((a, b, dy) => [dy.mul(b), dy.mul(a)]),
  div: broadcasting((_a, b, dy, y) => [dy.div(b), dy.mul(y).div(b).neg()]),
  maximum: choice((a, b) => ops.greater(a, b)),
  minimum: choice((a, b) => ops.greater(b, a)),
  greater: noGradient,
  equal: noGradient,
  where: (node, dy) => {
    const zero = constant(0);
    const condition = first(node);
    return [
      null,
      ops.sumTo(ops.where(condition, dy, zero), second(node).shape),
      ops.sumTo(ops.where(condition, zero, dy), third(node).shape),
    ];
  },
  cast: (node, dy) => [node.dtype === "float32" && first(node).dtype === "float32" ? dy : null],

  sum: (node, dy) => {
    const { shape } = first(node);
    return [ops.broadcastTo(dy.reshape(keptShape(node)), shape)];
  },
  max: (node, dy) => {
    const kept = keptShape(node);
    const chosen = ops.cast(ops.equal(first(node), node.reshape(kept)), "float32");
    return [chosen.mul(dy.reshape(kept).div(chosen.sum(node.attributes.axes, true)))];
  },
  reshape: (node, dy) => [dy.reshape(first(node).shape)],
  transpose: ({ attributes: { order } }, dy) => [dy.transpose(order.map((_, axis) => order.indexOf(axis)))],
  broadcastTo: (node, dy) => [ops.sumTo(dy, first(node).shape)],
  slice: (node, dy) => {
    const { starts, ends } = node.attributes;
    return [
      ops.pad(
        dy,
        starts,
        first(node).shape.map((n, axis) => n - (ends[axis] as number)),
      ),
    ];
  },
  pad: (node, dy) => {
    const { before } = node.attributes;
    const ends = first(node).shape.map((n, axis) => n + (before[axis] as number));
    return [new Tensor("slice", [dy], { starts: before, ends })];
  },
  concat: (node, dy) => {
    const { axis } = node.attributes;
    let end = 0;
    return node.inputs.map(({ shape }) => {
      const start = end;
      end += shape[axis] as number;
      return ops.slice(dy, axis, start, end);
    });
  },
  gather: (node, dy) => [ops.scatterAdd(dy, second(node), first(node).shape[0] as number), null],
  scatterAdd: (node, dy) => [ops.gather(dy, second(node)), null],

  matmul: broadcasting((a, b, dy) => [dy.matmul(ops.transposeLast(b)), ops.transposeLast(a).matmul(dy)]),
  softmax: (y, dy) => {
    const weighted = dy.mul(y);
    return [weighted.sub(y.mul(weighted.sum([-1], true)))];
  },
  attention: (node, dy) =>
    (["q", "k", "v"] as const).map(
      (wrt) => new Tensor("attentionGrad", [...node.inputs, node, dy], { ...node.attributes, wrt }),
    ),
  attentionGrad: "decompose",

  conv2d: (node, dy) => {
    const [x, weight, bias] = node.inputs as [Tensor, Tensor, Tensor?];
    const gradients = [inputGrad(dy, weight, x, node.attributes), weightGrad(x, dy, weight, node.attributes)];
    return bias ? [...gradients, dy.sum([0, 2, 3])] : gradients;
  },
  conv2dInputGrad: (node, g) => {
    const { stride, padding } = node.attributes;
    const [dy, weight] = node.inputs as [Tensor, Tensor];
    return [
      ops.conv2d(g, weight, undefined, { stride, padding }),
      weightGrad(g, dy, weight, { stride, padding }),
    ];
  },
  conv2dWeightGrad: (node, g) => {
    const { stride, padding } = node.attributes;
    const [x, dy] = node.inputs as [Tensor, Tensor];
    return [inputGrad(dy, g, x, { stride, padding }), ops.conv2d(x, g, undefined, { stride, padding })];
  },
  upsampleNearest: (node, dy) => {
    const [n, c, h, w] = first(node).shape as [number, number, number, number];
    const { scale } = node.attributes;
    return [dy.reshape([n, c, h, scale, w, scale]).sum([3, 5])];
  },
  groupNorm: (node, dy) =>
    (["x", "scale", "shift"] as const).map(
      (wrt) => new Tensor("groupNormGrad", [...node.inputs, dy], { ...node.attributes, wrt }),
    ),
  groupNormGrad: "decompose",
};

const inputGrad = (dy: Tensor, weight: Tensor, x: Tensor, { stride, padding }: Geometry): Tensor =>
  new Tensor("conv2dInputGrad", [dy, weight], {
    stride,
    padding,
    size: [x.shape[2] as number, x.shape[3] as number],
  });

const weightGrad = (x: Tensor, dy: Tensor, weight: Tensor, { stride, padding }: Geometry): Tensor =>
  new Tensor("conv2dWeightGrad", [x, dy], {
    stride,
    padding,
    kernel: [weight.shape[2] as number, weight.shape[3] as number],
  });
type Geometry = Tensor<"conv2d">["attributes"];

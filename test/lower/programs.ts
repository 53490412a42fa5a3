import { Generator, NDArray, type Shape, sizeOf } from "../../src/base/index.ts";
import { attention, conv2d, input, Tensor, topologicalOrder, vjp } from "../../src/tensor/index.ts";
import { allCases } from "../tensor/cases.ts";

/** Nodes to compute, and what to feed. */
export interface Program {
  readonly title: string;
  readonly outputs: readonly Tensor[];
  readonly values: ReadonlyMap<Tensor<"input">, NDArray>;
}

/** The gradients of a case in its float32 inputs, for a random gradient in its result. */
const gradientProgram = ({ title, node, values }: (typeof allCases)[number], i: number): Program => {
  const dy = input(node.shape);
  const floats = [...values.keys()].filter(({ dtype }) => dtype === "float32");
  return {
    title,
    outputs: vjp(node, floats, dy),
    values: new Map([...values, [dy, new Generator(1000 + i).normal(node.shape)]]),
  };
};

export const plainPrograms: readonly Program[] = allCases.map(({ title, node, values }) => ({
  title,
  outputs: [node],
  values,
}));

export const gradientPrograms: readonly Program[] = allCases
  .filter(({ node }) => node.dtype === "float32" && node.inputs.length > 0)
  .map(gradientProgram);

/** Convolutions whose channels fill blocks of 8, with all that their gradient in the weight tells apart. */
const blocked: readonly (readonly [
  title: string,
  x: Shape,
  weight: Shape,
  stride: number,
  padding: readonly [number, number, number, number],
])[] = [
  ["3×3, several chunks of rows, an odd number of blocks", [1, 8, 33, 19], [24, 8, 3, 3], 1, [1, 1, 1, 1]],
  ["3×3, several images a chunk and some left over", [11, 16, 6, 5], [16, 16, 3, 3], 1, [1, 1, 1, 1]],
  ["3×3, rows of more pixels than a chunk", [1, 8, 2, 210], [8, 8, 3, 3], 1, [1, 1, 1, 1]],
  ["3×3 without padding", [2, 16, 9, 7], [8, 16, 3, 3], 1, [0, 0, 0, 0]],
  ["3×3, stride 2, padded below and right", [2, 8, 10, 8], [16, 8, 3, 3], 2, [0, 0, 1, 1]],
  ["3×3, stride 2, odd", [2, 8, 7, 9], [24, 8, 3, 3], 2, [1, 1, 1, 1]],
  ["2×2, padded more than the kernel is wide", [3, 8, 4, 5], [40, 8, 2, 2], 1, [3, 2, 0, 1]],
  ["4×4, stride 3, pixels unread", [2, 8, 12, 9], [8, 8, 4, 4], 3, [0, 0, 0, 0]],
  ["5×6", [1, 8, 9, 8], [16, 8, 5, 6], 1, [2, 3, 2, 2]],
  ["1×1, stride 2", [2, 16, 5, 4], [8, 16, 1, 1], 2, [0, 0, 0, 0]],
  ["3×3 of one pixel", [5, 8, 1, 1], [8, 8, 3, 3], 1, [1, 1, 1, 1]],
];

export const blockedPrograms: readonly Program[] = blocked.map(
  ([title, shape, kernel, stride, padding], i) => {
    const [x, weight] = [input(shape), input(kernel)];
    const y = conv2d(x, weight, undefined, { stride, padding });
    const dy = input(y.shape);
    const random = new Generator(2000 + i);
    return {
      title: `convolution in blocks, ${title}`,
      outputs: [y, ...vjp(y, [x, weight], dy)],
      values: new Map([x, weight, dy].map((leaf) => [leaf, random.normal(leaf.shape)])),
    };
  },
);

/** Attention and its gradients in shapes that the native engine works through in several ways. */
const attended: readonly (readonly [title: string, q: Shape, k: Shape, v: Shape, heads: number])[] = [
  ["several blocks of queries, odd widths", [3, 130, 10], [3, 37, 10], [3, 37, 6], 2],
  ["one head, whose queries are shared out", [1, 150, 5], [1, 300, 5], [1, 300, 20], 1],
  ["whole and half vectors", [2, 20, 72], [2, 33, 72], [2, 33, 48], 3],
];

export const attentionPrograms: readonly Program[] = attended.map(([title, ...rest], i) => {
  const heads = rest[3];
  const [q, k, v] = rest.slice(0, 3).map((shape) => input(shape as Shape)) as [Tensor, Tensor, Tensor];
  const y = attention(q, k, v, { heads, scale: 0.4 });
  const dy = input(y.shape);
  const random = new Generator(3000 + i);
  return {
    title: `attention, ${title}`,
    outputs: [y, ...vjp(y, [q, k, v], dy)],
    values: new Map([q, k, v, dy].map((leaf) => [leaf as Tensor<"input">, random.normal(leaf.shape)])),
  };
});

/** The same as an image of one channel, convolved with 1: what a plan in bf16 stores rounded. */
const throughAnImage = (x: Tensor, one: Tensor): Tensor =>
  conv2d(x.reshape([1, 1, 1, sizeOf(x.shape)]), one, undefined, { stride: 1, padding: [0, 0, 0, 0] }).reshape(
    x.shape,
  );

/** float32 values with their lower halves cut off: bfloat16 holds them whole. */
export const halved = (values: NDArray): NDArray => {
  const data = Float32Array.from(values.data);
  const bits = new Uint32Array(data.buffer);
  for (const [i, word] of bits.entries()) bits[i] = word & 0xffff0000;
  return NDArray.from({ dtype: "float32", shape: values.shape, data });
};

/**
 * A program whose float32 inputs and results are activations to a plan in bf16, so that its operations load and store
 * them rounded. Inputs are rounded already: what jumps, as a comparison or a sign, would jump at another place.
 */
export const amongActivations = ({ title, outputs, values }: Program): Program => {
  const one = input([1, 1, 1, 1]);
  const float = (node: Tensor) => node.dtype === "float32";
  const rebuilt = new Map<Tensor, Tensor>();
  for (const leaf of values.keys()) rebuilt.set(leaf, float(leaf) ? throughAnImage(leaf, one) : leaf);
  for (const node of topologicalOrder(outputs))
    if (!rebuilt.has(node))
      rebuilt.set(
        node,
        node.inputs.length === 0
          ? node
          : new Tensor(
              node.op,
              node.inputs.map((source) => rebuilt.get(source) as Tensor),
              node.attributes,
            ),
      );
  return {
    title,
    outputs: outputs.map((node) => {
      const result = rebuilt.get(node) as Tensor;
      return float(result) ? throughAnImage(result, one) : result;
    }),
    values: new Map<Tensor<"input">, NDArray>([
      ...[...values].map(([leaf, value]) => [leaf, float(leaf) ? halved(value) : value] as const),
      [one, NDArray.full([1, 1, 1, 1], 1)],
    ]),
  };
};

import type { NormAttributes, Tensor } from "../tensor/index.ts";
import type { OnnxBuilder } from "./onnx-builder.ts";

/** The names that group norm and its three gradients have in common; the builder makes each once. */
const parts = (
  onnx: OnnxBuilder,
  [x, scale, shift]: readonly string[],
  node: Tensor,
  attributes: NormAttributes,
) => {
  const { groups, eps, silu } = attributes;
  const { shape } = node.inputs[0] as Tensor;
  const [n = 1, c = 1, ...positions] = shape;
  const length = (c / groups) * positions.reduce((product, size) => product * size, 1);
  const reshape = (value: string | undefined, to: readonly number[]) =>
    onnx.node("Reshape", [value as string, onnx.int64(to)]);
  const ones = onnx.constant(`ones ${length}`, () => ({
    type: "float32",
    shape: [length],
    data: new Float32Array(length).fill(1),
  }));
  const rows = reshape(x, [n * groups, length]);
  const [normalised, , inverse] = onnx.results(
    "LayerNormalization",
    [rows, ones],
    { axis: -1, epsilon: { float: eps } },
    3,
  );
  const standard = reshape(normalised, shape);
  const perChannel = [1, c, ...positions.map(() => 1)];
  const scaled = onnx.node("Mul", [standard, reshape(scale, perChannel)]);
  const h = onnx.node("Add", [scaled, reshape(shift, perChannel)]);
  const s = silu ? onnx.node("Sigmoid", [h]) : null;
  return { n, c, positions, length, groups, reshape, standard, inverse: inverse as string, h, s };
};

export const lowerGroupNorm = (
  onnx: OnnxBuilder,
  inputs: readonly string[],
  node: Tensor<"groupNorm">,
): string => {
  const { h, s } = parts(onnx, inputs, node, node.attributes);
  return s ? onnx.node("Mul", [h, s]) : h;
};

/**
 * With x̂ the standardised x, h = x̂·scale + shift and dh the gradient in h: shift's gradient is Σ dh,
 * scale's Σ dh·x̂, and x's is (g − mean g − x̂·mean(g·x̂)) / deviation for g = dh·scale, where both means
 * over a group follow from the sums over each channel's positions.
 */
export const lowerGroupNormGrad = (
  onnx: OnnxBuilder,
  inputs: readonly string[],
  node: Tensor<"groupNormGrad">,
): string => {
  const { n, c, positions, length, groups, reshape, standard, inverse, h, s } = parts(
    onnx,
    inputs,
    node,
    node.attributes,
  );
  const dy = inputs[3] as string;
  const dh = s ? onnx.node("Mul", [dy, siluSlope(onnx, h, s)]) : dy;
  const overPositions = (value: string) =>
    onnx.node("ReduceSum", [reshape(value, [n, c, -1]), onnx.int64([2])], { keepdims: 0 });
  const sums = overPositions(dh); // [n, c]
  const products = () => overPositions(onnx.node("Mul", [dh, standard])); // [n, c]
  const overSamples = (value: string) => onnx.node("ReduceSum", [value, onnx.int64([0])], { keepdims: 0 });
  if (node.attributes.wrt === "shift") return overSamples(sums);
  if (node.attributes.wrt === "scale") return overSamples(products());

  const perGroup = [n, groups, c / groups];
  const scaleByGroup = reshape(inputs[1], [1, groups, c / groups]);
  const inverseByGroup = reshape(inverse, [n, groups, 1]);
  const spread = (value: string, channels: number) => {
    const everyChannel = onnx.node("Expand", [value, onnx.int64([n, groups, channels])]);
    return reshape(everyChannel, [n, groups * channels, ...positions.map(() => 1)]);
  };
  /** mean over the group of scale·sums, over the deviation: one number a channel. */
  const groupMean = (perChannelSums: string) => {
    const weighted = onnx.node("Mul", [reshape(perChannelSums, perGroup), scaleByGroup]);
    const total = onnx.node("ReduceSum", [weighted, onnx.int64([2])], { keepdims: 1 });
    const mean = onnx.node("Mul", [total, onnx.float(1 / length)]);
    return spread(onnx.node("Mul", [mean, inverseByGroup]), c / groups);
  };
  const gain = spread(onnx.node("Mul", [scaleByGroup, inverseByGroup]), c / groups);
  const direct = onnx.node("Sub", [onnx.node("Mul", [dh, gain]), groupMean(sums)]);
  return onnx.node("Sub", [direct, onnx.node("Mul", [standard, groupMean(products())])]);
};

/** d silu(h)/dh = s + y·(1 − s), with s = sigmoid(h) and y = h·s. */
const siluSlope = (onnx: OnnxBuilder, h: string, s: string): string => {
  const y = onnx.node("Mul", [h, s]);
  return onnx.node("Add", [s, onnx.node("Mul", [y, onnx.node("Sub", [onnx.float(1), s])])]);
};

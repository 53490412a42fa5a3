import { attend, attendBack } from "./attention.ts";
import { sigmoid } from "./operations.ts";
import type { Tensor } from "./tensor.ts";
import type { NormAttributes, OpName } from "./vocabulary.ts";

type Decomposition<K extends OpName> = (node: Tensor<K>) => Tensor;

const inputsOf = <N extends readonly unknown[]>(node: Tensor): { [I in keyof N]: Tensor } =>
  node.inputs as unknown as { [I in keyof N]: Tensor };

/** Standardised x [n, groups, channels/group · positions], its inverse deviation [n, groups, 1], and h = x̂·scale + shift. */
const normalise = (x: Tensor, scale: Tensor, shift: Tensor, { groups, eps }: NormAttributes) => {
  const [n = 1, c = 1] = x.shape;
  const grouped = x.reshape([n, groups, -1]);
  const centred = grouped.sub(grouped.mean([2], true));
  const inverse = centred.mul(centred).mean([2], true).add(eps).sqrt();
  const perChannel = [1, c, ...x.shape.slice(2).map(() => 1)];
  const standard = centred.div(inverse);
  const h = standard.reshape(x.shape).mul(scale.reshape(perChannel)).add(shift.reshape(perChannel));
  return { standard, deviation: inverse, perChannel, h };
};

/** d silu(h)/dh = s·(1 + h·(1 − s)), s = sigmoid(h). */
const siluSlope = (h: Tensor): Tensor => {
  const s = sigmoid(h);
  return s.mul(h.mul(s.neg().add(1)).add(1));
};

/**
 * Operations written in terms of others. A fused operation is differentiated a second time through its
 * row here, and a target without a kernel of its own lowers the row instead.
 */
export const decompositions = {
  silu: (node) => {
    const [x] = inputsOf<[0]>(node);
    return x.mul(sigmoid(x));
  },
  attention: (node) => attend(node),
  attentionGrad: attendBack,
  groupNorm: (node) => {
    const { h } = normalise(...inputsOf<[0, 0, 0]>(node), node.attributes);
    return node.attributes.silu ? h.mul(sigmoid(h)) : h;
  },
  groupNormGrad: (node) => {
    const [x, scale, shift, dy] = inputsOf<[0, 0, 0, 0]>(node);
    const { wrt, silu } = node.attributes;
    const { standard, deviation, perChannel, h } = normalise(x, scale, shift, node.attributes);
    const dh = silu ? dy.mul(siluSlope(h)) : dy;
    const others = x.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
    if (wrt === "shift") return dh.sum(others);
    if (wrt === "scale") return dh.mul(standard.reshape(x.shape)).sum(others);
    // dx = (g − mean(g) − x̂·mean(g·x̂)) / deviation, g = dh·scale, means over each group
    const g = dh.mul(scale.reshape(perChannel)).reshape(standard.shape);
    const projected = standard.mul(g.mul(standard).mean([2], true));
    return g
      .sub(g.mean([2], true))
      .sub(projected)
      .div(deviation)
      .reshape(x.shape);
  },
} satisfies { readonly [K in OpName]?: Decomposition<K> };

export type DecomposedOp = keyof typeof decompositions;

/** The node rewritten by its row of {@link decompositions}. */
export const decompose = (node: Tensor<DecomposedOp>): Tensor =>
  (decompositions[node.op] as (node: Tensor) => Tensor)(node);

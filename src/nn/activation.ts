import { gelu, mish, relu, sigmoid, silu, type Tensor } from "../tensor/index.ts";

/** x · sigmoid(1.702 x), which CLIP has for a GELU. */
export const quickGelu = (x: Tensor): Tensor => x.mul(sigmoid(x.mul(1.702)));

/** Activations by diffusers' names for them (`act_fn`). */
export const activations = {
  silu,
  swish: silu,
  mish,
  gelu,
  relu,
} as const satisfies Readonly<Record<string, (x: Tensor) => Tensor>>;

export type Activation = keyof typeof activations;

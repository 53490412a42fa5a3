import { gelu, mish, relu, silu, type Tensor } from "../tensor/index.ts";

/** Activations by diffusers' names for them (`act_fn`). */
export const activations = {
  silu,
  swish: silu,
  mish,
  gelu,
  relu,
} as const satisfies Readonly<Record<string, (x: Tensor) => Tensor>>;

export type Activation = keyof typeof activations;

import { z } from "zod";
import { learningRateSchema, optimizerSchema } from "../optim/index.ts";
import { gradients, softplus, type Tensor } from "../tensor/index.ts";

/** In place of the recipe's, for one of the two networks. */
export const ownTraining = z
  .strictObject({ optimizer: optimizerSchema.optional(), learningRate: learningRateSchema.optional() })
  .default({});

/** The non-saturating game (Goodfellow et al. 2014, section 3) in logits of being real, [n]. */
export const adversarial = {
  /** What the discriminator minimises. */
  telling: (real: Tensor, made: Tensor): Tensor => softplus(real.neg()).add(softplus(made)),
  /** What the generator minimises. */
  making: (made: Tensor): Tensor => softplus(made.neg()),
} as const;

/** R1: ½ γ |∇ D(x)|² of each real sample, [n] (Mescheder et al. 2018, eq. 9), of logits [n] of x [n, c, h, w]. */
export const gradientPenalty = (logits: Tensor, x: Tensor, gamma: number): Tensor => {
  const [slope] = gradients(logits.sum(), [x]) as [Tensor];
  return slope
    .mul(slope)
    .sum([1, 2, 3])
    .mul(gamma / 2);
};

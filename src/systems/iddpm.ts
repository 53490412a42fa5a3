import { z } from "zod";
import { ArgumentError } from "../base/index.ts";
import {
  chainVarianceRange,
  type DiffusionProcess,
  diffusionProcess,
  discretisedLogLikelihood,
  epsToX0,
  hybridLoss,
  type Level,
  scheduleSchema,
  simpleLoss,
  vlbCoefficients,
  vlbLoss,
} from "../diffusion/index.ts";
import { split, type Tensor } from "../tensor/index.ts";
import { defineSystem } from "../train/index.ts";
import { denoisingConfig, denoisingStage } from "./denoising.ts";
import { defineObjective, type LossParts, type Objective } from "./denoising-objective.ts";
import { guidedSamplingSchema } from "./guided-sampling.ts";
import { importanceTimes } from "./weighted-times.ts";

/** Fractions of the timesteps at which the held-out loss is measured. */
const HELD_OUT = [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];

/** What the bound needs of a level beside α and σ. */
const boundCoefficients = (process: DiffusionProcess) => {
  const at = ({ t }: Level) => ({
    towardsX0: t === 0 ? 1 : (vlbCoefficients(process.level(t), process.level(t - 1)).towardsX0 as number),
    ...chainVarianceRange(process, t),
  });
  return {
    towardsX0: (level: Level) => at(level).towardsX0,
    least: (level: Level) => at(level).least,
    most: (level: Level) => at(level).most,
    /** 1 where the step ends at data, else 0. */
    toData: ({ t }: Level) => Number(t === 0),
  };
};
type BoundCoefficients = Readonly<Record<keyof ReturnType<typeof boundCoefficients>, Tensor>>;

/** L_t of the bound in bits per dimension, [n]: L_0 where the step ends at data (Nichol and Dhariwal 2021, eq. 4 to 7). */
const boundTerm = (
  { x0, estimate, said }: { readonly x0: Tensor; readonly estimate: Tensor; readonly said: Tensor },
  { toData, least, most, towardsX0 }: BoundCoefficients,
): Tensor => {
  const logVariance = said.add(1).mul(0.5).mul(most.sub(least)).add(least);
  const bits = discretisedLogLikelihood(x0, { mean: estimate, logVariance })
    .mean([1, 2, 3])
    .mul(-1 / Math.LN2);
  const divergence = vlbLoss({ x0, estimate, said }, { towardsX0, least, most });
  const last = toData.reshape([-1]);
  return bits.mul(last).add(divergence.mul(last.neg().add(1)));
};

const partsOf = ({ x, alpha, sigma, output }: LossParts) => {
  const [eps, said] = split(output, 2, 1) as [Tensor, Tensor];
  return { predicted: eps, said, estimate: epsToX0(x, eps, { alpha, sigma }) };
};

/**
 * What the network is trained by: `hybrid`, L_simple + 0.001 L_vlb, in which L_vlb = T E[L_t] teaches the variance alone;
 * or `vlb`, all of it by the bound in bits.
 */
export const iddpmObjectives = {
  hybrid: (process) =>
    defineObjective({
      coefficients: boundCoefficients(process),
      loss(parts, coefficients) {
        const { predicted, said, estimate } = partsOf(parts);
        const term = boundTerm({ x0: parts.x0, estimate: estimate.detach(), said }, coefficients);
        return hybridLoss(simpleLoss(parts.eps, predicted), term.mul(process.steps));
      },
    }),
  vlb: (process) =>
    defineObjective({
      coefficients: boundCoefficients(process),
      loss: (parts, coefficients) =>
        boundTerm({ x0: parts.x0, ...partsOf(parts) }, coefficients).mul(process.steps),
    }),
} as const satisfies Readonly<Record<string, (process: DiffusionProcess) => Objective>>;

/**
 * Improved denoising diffusion (Nichol and Dhariwal 2021): DDPM with the cosine schedule, whose network also chooses the
 * variance of every reverse step, between β̃ and β; sampled in a stride of the trained steps. The bound alone, `vlb`,
 * draws timesteps by their last losses.
 */
export const iddpm = defineSystem({
  name: "iddpm",
  summary: "Improved denoising diffusion probabilistic models (Nichol and Dhariwal 2021)",
  headline: "CIFAR-10: 2.94 bits a dimension by L_vlb, FID 3.19 by L_hybrid (3.17 bits)",
  config: denoisingConfig({
    schedule: scheduleSchema.prefault({ beta_schedule: "squaredcos_cap_v2", num_train_timesteps: 4000 }),
    objective: z.enum(Object.keys(iddpmObjectives) as (keyof typeof iddpmObjectives)[]).default("hybrid"),
  }),
  sampling: guidedSamplingSchema({
    kind: "ancestral",
    variance: "learned_range",
    spacing: "linspace",
    steps: 100,
  }),
  stages({ schedule, objective, ...config }, data, seed) {
    if (data.form !== undefined && data.form !== "pictures")
      throw new ArgumentError({
        who: "iddpm",
        expected: "pictures, whose grey values have a probability",
        got: data.form,
      });
    const process = diffusionProcess(schedule);
    if (process.steps < 2)
      throw new ArgumentError({
        who: "iddpm",
        expected: "two timesteps or more, as β̃_1 stands in for β̃_0",
        got: String(process.steps),
      });
    return [
      denoisingStage(
        {
          name: "iddpm",
          process,
          reading: { prediction: "epsilon", learnsVariance: true },
          objective: iddpmObjectives[objective](process),
          times:
            objective === "vlb"
              ? importanceTimes(process.steps)
              : (n, random) => random.integers(0, process.steps, [n]).data,
          heldOut: HELD_OUT.map((fraction) => Math.round(fraction * (process.steps - 1))),
          variance: "learned_range",
        },
        { config, data, seed },
      ),
    ];
  },
});

import { z } from "zod";
import { NDArray } from "../base/index.ts";
import { logitNormalTimes, type NetworkOptions, noiseProcesses } from "../diffusion/index.ts";
import { defineSystem, earlierStage } from "../train/index.ts";
import { type DenoisingEquations, denoisingConfig, denoisingStage } from "./denoising.ts";
import { predictionObjective } from "./denoising-objective.ts";
import { guidedSamplingSchema } from "./guided-sampling.ts";

/** How often times are trained at: all alike, or those in the middle more often (Esser et al. 2024, eq. 19). */
const timesSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("uniform") }),
    z.strictObject({
      kind: z.literal("logit_normal"),
      mean: z.number().default(0),
      deviation: z.number().positive().default(1),
    }),
  ])
  .default({ kind: "uniform" });

const HELD_OUT = [0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
const FLOW = "flow";

const sampling = guidedSamplingSchema({ kind: "euler", steps: 50, clip: null });

/** What a flow makes of noise, and that noise: pairs between which the lines cross less (Liu et al. 2023, section 2.1). */
const flowPairs =
  (steps: number): DenoisingEquations["pairs"] =>
  async ({ images, labels }, random, earlier) => {
    const eps = random.get("noise").normal(images.shape);
    const request = {
      seed: 0, // of nothing: the noise is given, and Euler's rule draws none
      count: images.shape[0] as number,
      labels: labels && [...labels.data],
      start: { kind: "given", x: eps } as const,
      sampling: sampling.parse({ sampler: { kind: "euler", steps, clip: null } }),
    };
    let x0 = NDArray.zeros(images.shape);
    for await (const { x } of earlierStage(earlier, FLOW).generate(request)) x0 = x;
    return { x0, eps };
  };

/**
 * Rectified flow and flow matching (Liu, Gong and Liu 2023; Lipman et al. 2023): x_t = (1 − t) x_0 + t ε on straight
 * lines from data to noise, whose velocity ε − x_0 the network learns; samples by Euler's rule along it. With `reflow` a
 * second stage learns in the same way from pairs of noise and what the first makes of it, so that its paths are straighter
 * and few steps suffice. It begins from weights of its own, where the paper goes on from the first flow's.
 */
export const rectifiedFlow = defineSystem({
  name: "rectified-flow",
  summary: "Flow matching on straight lines, and reflow (Liu et al. 2023; Lipman et al. 2023)",
  headline: "CIFAR-10: FID 2.58 in 127 evaluations; 4.85 in one, distilled from the second flow",
  config: denoisingConfig({
    times: timesSchema,
    /** With how many steps the first flow makes the second one's data; no second flow when left out. */
    reflow: z.strictObject({ steps: z.int().positive().default(20) }).optional(),
  }),
  sampling,
  stages({ times, reflow, ...config }, data, seed) {
    const process = noiseProcesses.rectified_flow();
    const [clean, noisy] = process.span;
    const reading: NetworkOptions = { prediction: "flow_prediction" };
    const equations: DenoisingEquations = {
      name: FLOW,
      process,
      reading,
      objective: predictionObjective(reading),
      times: (n, random) =>
        times.kind === "uniform"
          ? random.uniform([n]).data.map((share) => clean + share * (noisy - clean))
          : logitNormalTimes(n, random, times),
      heldOut: HELD_OUT,
    };
    const flow = denoisingStage(equations, { config, data, seed });
    if (!reflow) return [flow];
    const second = { ...equations, name: "reflow", pairs: flowPairs(reflow.steps) };
    return [flow, denoisingStage(second, { config, data, seed: seed + 1 })];
  },
});

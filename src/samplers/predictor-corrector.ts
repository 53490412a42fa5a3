import { NDArray } from "../base/index.ts";
import type { Level } from "../diffusion/index.ts";
import { ancestral } from "./ancestral.ts";
import { scoreOf } from "./langevin.ts";
import type { Sampler } from "./sampler.ts";

export interface CorrectorOptions {
  /** Langevin steps at every level, before the predictor leaves it. */
  readonly correctorSteps?: number;
  /** r, the ratio of the score's part of a step to the noise's. */
  readonly snr?: number;
  /** Whether step sizes are one for the batch, as in the paper's code; per sample, each is what it is alone. */
  readonly norms?: "sample" | "batch";
}

/** The Euclidean norm of every sample, [n]. */
const norms = (x: NDArray): number[] =>
  x.split().map(({ data }) => Math.sqrt(new Float64Array(data).reduce((sum, value) => sum + value ** 2, 0)));

const averaged = (values: readonly number[]): number[] => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.map(() => mean);
};

/** One Langevin step of size 2 α² (r ‖z‖ / ‖score‖)² (Song et al. 2021, algorithms 4 and 5). */
const correct = (
  x: NDArray,
  score: NDArray,
  z: NDArray,
  { level, snr, over }: { level: Level; snr: number; over: (values: readonly number[]) => readonly number[] },
): NDArray => {
  const [scores, noises] = [over(norms(score)), over(norms(z))];
  const sizes = scores.map((norm, k) => 2 * (level.alpha * snr * ((noises[k] as number) / norm)) ** 2);
  const column = (of: (size: number) => number) =>
    NDArray.of(sizes.map(of), [sizes.length, ...x.shape.slice(1).map(() => 1)]);
  return x.add(score.mul(column((size) => size))).add(z.mul(column((size) => Math.sqrt(2 * size))));
};

/**
 * A sampler whose samples are corrected at every level: the score pulls them to the level's density before the next
 * step (Song et al. 2021, algorithm 1). A sample's own norms are those of its numbers, of which there must be many: of
 * points in a plane the score comes near 0, and a step grows without bound.
 */
export const corrected = <M>(
  predictor: Sampler<M>,
  { correctorSteps = 1, snr = 0.16, norms: by = "sample" }: CorrectorOptions = {},
): Sampler<M> => ({
  ...predictor,
  name: `corrected ${predictor.name}`,
  evaluations: (steps) => {
    const own = predictor.evaluations(steps);
    return own === null ? null : own + steps * correctorSteps;
  },
  async step(args) {
    const { from, denoise, noise } = args;
    let { x } = args;
    for (let i = 0; i < correctorSteps; i++) {
      const score = scoreOf(await denoise(x, from), x, from);
      const over = by === "batch" ? averaged : (values: readonly number[]) => values;
      x = correct(x, score, noise(), { level: from, snr, over });
    }
    return predictor.step({ ...args, x });
  },
});

/** The paper's predictors: the variance of a step is what the forward step added, or the posterior's (appendix F). */
const predictors = {
  reverse_diffusion: () => ancestral({ variance: "fixed_large" }),
  ancestral: () => ancestral({ variance: "fixed_small" }),
} as const;
export type PredictorName = keyof typeof predictors;
export const predictorNames = Object.keys(predictors) as PredictorName[];

/** The predictor–corrector samplers of the paper (Song et al. 2021, algorithms 2 and 3). */
export const predictorCorrector = ({
  predictor = "reverse_diffusion",
  ...options
}: CorrectorOptions & { readonly predictor?: PredictorName } = {}): Sampler<undefined> =>
  corrected(predictors[predictor](), options);

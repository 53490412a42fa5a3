import { Generator, type NDArray } from "../../base/index.ts";
import type { Denoiser, Level, NoiseProcess } from "../../diffusion/index.ts";
import { type OpenedSampler, openSampler, sample, samplerSchema } from "../../samplers/index.ts";
import { UsageError } from "../command.ts";

/** A whole sampling of points in the plane. */
export interface Walk {
  readonly levels: readonly Level[];
  /** x at each level, [n, 2]. */
  readonly states: readonly NDArray[];
  readonly end: NDArray;
  /** Whether the sampler drew noise of its own. */
  readonly random: boolean;
}

/** How points are sampled: the sampler's specification, its process, and the seed of its own noise. */
export interface WalkOptions {
  readonly process: NoiseProcess;
  readonly sampler: object;
  readonly seed: number;
}

/** A sampler without clipping, since points are no pixels. @throws UsageError for one that does not end at data */
export const openPointSampler = ({
  process,
  sampler,
}: Pick<WalkOptions, "process" | "sampler">): OpenedSampler => {
  const opened = openSampler(samplerSchema.parse({ clip: null, ...sampler }), process);
  if (opened.levels.at(-1)?.sigma === 0) return opened;
  throw new UsageError({
    who: "sampler",
    expected: "one that goes from noise to data",
    got: opened.sampler.name,
  });
};

/** Walks points [n, 2] from noise to data. */
export const walk = async (denoiser: Denoiser, x: NDArray, options: WalkOptions): Promise<Walk> => {
  const { sampler, levels, churn } = openPointSampler(options);
  const generator = new Generator(options.seed);
  let random = false;
  const noise = () => {
    random = true;
    return generator.normal(x.shape);
  };
  const states = [x];
  for await (const frame of sample({ denoiser, sampler, levels, churn, x, noise })) states.push(frame.x);
  return { levels, states, end: states.at(-1) as NDArray, random };
};

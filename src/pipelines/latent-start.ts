import type { Generator, NDArray } from "../base/index.ts";
import { type Level, qSample } from "../diffusion/index.ts";
import { type Begun, beginOfStrength, initialNoise, keepKnown, stepNoise } from "../samplers/index.ts";

/** What latents begin with. */
export type LatentStart =
  | { readonly kind: "noise" }
  /** Latents [n, c, h, w], noised by the last `strength` of the path. */
  | { readonly kind: "image"; readonly latents: NDArray; readonly strength: number }
  /** The same, and what the mask [1, 1, h, w] does not free stays that of the latents at every level. */
  | { readonly kind: "known"; readonly latents: NDArray; readonly mask: NDArray; readonly strength: number };

interface Options {
  readonly levels: readonly Level[];
  /** One a picture. */
  readonly generators: readonly Generator[];
  /** Of one picture's latents. */
  readonly shape: readonly number[];
  /** Of noise at the first level, other than that of noised data; diffusers' schedulers differ. */
  readonly deviation: (level: Level) => number;
}

/**
 * The walk's begin, whose draws come in the order of diffusers' pipelines: the same noise all along for what is known,
 * and pure noise at a strength of 1, where the picture's own latents would shine through a first level below noise.
 */
export const beginLatents = (
  start: LatentStart,
  { levels, generators, shape, deviation }: Options,
): Begun => {
  const drawn = initialNoise(generators, shape);
  const noise = stepNoise(generators, shape);
  const pure = drawn.mul(deviation(levels[0] as Level));
  if (start.kind === "noise") return { levels, x: pure, noise };
  const { latents, strength } = start;
  const begin = beginOfStrength(levels, strength);
  const noised = qSample(latents, drawn, levels[begin] as Level);
  if (start.kind === "image") return { levels, begin, x: noised, noise };
  const x = strength === 1 ? pure : noised;
  const keep = keepKnown({ image: latents, mask: start.mask, noise: () => drawn, end: levels.at(-1) });
  const first = levels[begin];
  return { levels, begin, x, noise, project: (each, level) => (level === first ? each : keep(each, level)) };
};

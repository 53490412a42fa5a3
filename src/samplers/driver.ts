import { ArgumentError, NDArray, NonFiniteError } from "../base/index.ts";
import { type Denoiser, type Level, qBetween } from "../diffusion/index.ts";
import type { Sampler } from "./sampler.ts";

export interface SampleOptions<M> {
  readonly denoiser: Denoiser;
  readonly sampler: Sampler<M>;
  /** The path: one step between each level and the next. Steps up add noise, unless the sampler climbs. */
  readonly levels: readonly Level[];
  /** The index of the level where the walk begins, 0 when absent; plans are the whole path's. */
  readonly begin?: number | undefined;
  /** The sample at the level where the walk begins, [n, ...]. */
  readonly x: NDArray;
  /** Fresh standard normal noise in the shape of x, for samplers that draw some. */
  readonly noise: () => NDArray;
  /** Heard before each evaluation of the denoiser. */
  readonly signal?: AbortSignal | undefined;
  /** Changes x on arrival at each level, the first included: inpainting by replacement. */
  readonly project?: Projection | undefined;
  /** Takes x up a little before each step (Karras et al. 2022, algorithm 2). */
  readonly churn?: Churn | undefined;
}

/** What x, [n, ...], becomes at a level. */
export type Projection = (x: NDArray, level: Level) => NDArray;

/** Where a step really starts, a level at `from` or above, and a factor of the noise that leads there. */
export type Churn = (from: Level, steps: number) => { readonly level: Level; readonly noise: number };

/** The state after step `index` (from 0) of the `total` that are walked, arrays [n, ...]. */
export interface SampleFrame {
  readonly index: number;
  readonly total: number;
  readonly x: NDArray;
  /** The estimate of the clean sample that the step went by. */
  readonly denoised: NDArray;
}

/**
 * Walks x along the levels and yields after each step; x of the last frame is the sample.
 * @throws the signal's reason once aborted; NonFiniteError naming the step that left the finite numbers
 */
export async function* sample<M>({
  denoiser,
  sampler,
  levels,
  begin = 0,
  x: start,
  noise,
  signal,
  project = (x) => x,
  churn = (level) => ({ level, noise: 1 }),
}: SampleOptions<M>): AsyncGenerator<SampleFrame, void> {
  const total = levels.length - 1 - begin;
  const first = levels[begin];
  if (!first || total < 1)
    throw new ArgumentError({ who: "levels", expected: "at least two", got: String(total + 1) });
  const denoise: Denoiser = async (x, level) => {
    signal?.throwIfAborted();
    return denoiser(x, level);
  };
  const up = (x: NDArray, from: Level, to: Level, factor = 1): NDArray =>
    from === to ? x : climbed(x, { from, to, factor }, noise());
  let x = project(start, first);
  let denoised = x;
  let arrived = first;
  let memory = sampler.init(levels, begin);
  for (const [index, to] of levels.slice(begin + 1).entries()) {
    if (isUp(arrived, to) && !sampler.climbs) {
      x = up(x, arrived, to);
      memory = sampler.init(levels, begin + index + 1); // what was below is no history of what follows
    } else {
      const { level: from, noise: factor } = churn(arrived, levels.length - 1);
      const raised = up(x, arrived, from, factor);
      const step = await sampler.step({ x: raised, from, to, denoise, noise, memory });
      ({ x, denoised, memory } = step);
    }
    x = project(x, to);
    if (!x.isFinite()) throw nonFinite(sampler.name, { index, total, t: arrived.t });
    yield { index, total, x, denoised };
    arrived = to;
  }
}

/** Levels this near are one: a path may name its last level twice, computed in two ways. */
const NEAR = 1 + 1e-9;
const isUp = (from: Level, to: Level): boolean => to.sigma * from.alpha > from.sigma * to.alpha * NEAR;

/** x taken to a noisier level by the process itself. */
const climbed = (
  x: NDArray,
  { from, to, factor }: { readonly from: Level; readonly to: Level; readonly factor: number },
  noise: NDArray,
): NDArray => {
  const { ofX, ofNoise } = qBetween(from, to);
  return NDArray.combine([ofX, x], [factor * ofNoise, noise]);
};

const nonFinite = (
  name: string,
  { index, total, t }: { readonly index: number; readonly total: number; readonly t: number },
): NonFiniteError =>
  new NonFiniteError({
    who: `${name}, step ${index + 1} of ${total} (t = ${t})`,
    expected: "finite values",
    got: "NaN or infinity",
    hint: "the network's output overflowed: check its weights, or clip x0",
  });

import { ArgumentError, type NDArray, NonFiniteError } from "../base/index.ts";
import type { Denoiser, Level } from "../diffusion/index.ts";
import type { Sampler } from "./sampler.ts";

export interface SampleOptions<M> {
  readonly denoiser: Denoiser;
  readonly sampler: Sampler<M>;
  /** The path: one step between each level and the next. It may go up. */
  readonly levels: readonly Level[];
  /** The sample at the first level, [n, ...]. */
  readonly x: NDArray;
  /** Fresh standard normal noise in the shape of x, for samplers that draw some. */
  readonly noise: () => NDArray;
  /** Heard before each evaluation of the denoiser. */
  readonly signal?: AbortSignal | undefined;
  /** Changes x on arrival at each level, the first included: inpainting by replacement. */
  readonly project?: (x: NDArray, level: Level) => NDArray;
}

/** The state after step `index` (from 0) of `total`, arrays [n, ...]. */
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
  x: start,
  noise,
  signal,
  project = (x) => x,
}: SampleOptions<M>): AsyncGenerator<SampleFrame, void> {
  const total = levels.length - 1;
  const [first] = levels;
  if (!first || total < 1)
    throw new ArgumentError({ who: "levels", expected: "at least two", got: String(levels.length) });
  const denoise: Denoiser = async (x, level) => {
    signal?.throwIfAborted();
    return denoiser(x, level);
  };
  let x = project(start, first);
  let from = first;
  let memory = sampler.init();
  for (const [index, to] of levels.slice(1).entries()) {
    const step = await sampler.step({ x, from, to, denoise, noise, memory });
    x = project(step.x, to);
    if (!x.isFinite()) throw nonFinite(index, total, from);
    yield { index, total, x, denoised: step.denoised };
    from = to;
    memory = step.memory;
  }
}

const nonFinite = (index: number, total: number, { t }: Level): NonFiniteError =>
  new NonFiniteError({
    who: `step ${index + 1} of ${total} (t = ${t})`,
    expected: "finite values",
    got: "NaN or infinity",
    hint: "the network's output overflowed: check its weights, or clip x0",
  });

import { ArgumentError, type NDArray } from "../../base/index.ts";
import type { Dataset } from "../../data/index.ts";
import { type DiffusionProcess, isDiscrete } from "../../diffusion/index.ts";
import {
  type BitsOptions,
  bitsByElbo,
  bitsByOde,
  type Estimate,
  type Figure,
} from "../../evaluation/index.ts";
import type { Trained } from "../../systems/index.ts";
import { showSeconds, startProgress } from "../progress.ts";

/** How many bits a dimension a model needs for images that it never saw: by the bound of a chain, and by the ODE. */
export const bitsFigures = async (
  model: Trained,
  heldOut: Dataset,
  { count, seed, signal }: { readonly count: number; readonly seed: number; readonly signal: AbortSignal },
): Promise<Figure[]> => {
  const images = heldOut.images.rows(0, count);
  const labels = model.stage.conditional ? heldOut.labels?.rows(0, count).data : undefined;
  const density = model.density(labels && [...labels]);
  if (!density)
    throw new ArgumentError({
      who: "--bits",
      expected: "a system with a density",
      got: model.recipe.system,
    });
  const figure = (name: string, estimate: Estimate): Figure => ({
    name: `bits per dimension of held-out images, ${name}`,
    better: "lower",
    ...estimate,
    samples: count,
    reference: null,
    notes: labels ? ["each image given its class, without guidance"] : [],
  });
  const options = { ...density, seed, signal };
  const chain = isDiscrete(density.process) ? { ...options, process: density.process } : null;
  const bound = chain ? [figure("at most (variational bound)", await boundWithProgress(images, chain))] : [];
  process.stderr.write("bits per dimension by the ODE, which takes as many evaluations as it needs\n");
  const byOde = await bitsByOde(images, options);
  return [...bound, figure("by the probability-flow ODE", byOde)];
};

const boundWithProgress = async (
  images: NDArray,
  options: BitsOptions<DiffusionProcess>,
): Promise<Estimate> => {
  const { steps } = options.process;
  const progress = startProgress("bits per dimension by the bound", steps);
  const started = performance.now();
  let done = 0;
  const onEvaluation = () => {
    done += 1;
    const left = ((performance.now() - started) / 1000 / done) * (steps - done);
    progress.update(done, { left: showSeconds(left) });
  };
  try {
    return await bitsByElbo(images, { ...options, onEvaluation });
  } finally {
    progress.stop();
  }
};

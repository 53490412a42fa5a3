import { ArgumentError } from "../../base/index.ts";
import type { Dataset } from "../../data/index.ts";
import { type DiffusionProcess, isDiscrete } from "../../diffusion/index.ts";
import { bitsByElbo, bitsByOde, type Estimate, type Figure } from "../../evaluation/index.ts";
import type { Trained } from "../../systems/index.ts";
import { startProgress } from "../progress.ts";

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
  const byElbo = async (process: DiffusionProcess): Promise<Estimate> => {
    const bound = startProgress("bound", process.steps);
    let done = 0;
    const onEvaluation = () => bound.update(++done);
    try {
      return await bitsByElbo(images, { ...density, process, seed, signal, onEvaluation });
    } finally {
      bound.stop();
    }
  };
  const bound = isDiscrete(density.process)
    ? [figure("at most (variational bound)", await byElbo(density.process))]
    : [];
  process.stderr.write("bits per dimension by the ODE\n");
  const byOde = await bitsByOde(images, { ...density, seed, signal });
  return [...bound, figure("by the probability-flow ODE", byOde)];
};

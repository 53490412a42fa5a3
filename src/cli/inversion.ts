import type { NDArray } from "../base/index.ts";
import { samplingOf, type Trained } from "../systems/index.ts";

export interface InversionRequest {
  /** Of the class that the image is of. */
  readonly label: number | undefined;
  readonly steps: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The noise, [1, c, h, w], that DDIM leads to an image, [c, h, w]: without guidance, whose exaggeration has no way back
 * (Mokady et al. 2023, section 3.1).
 */
export const invertImage = (model: Trained, image: NDArray, request: InversionRequest): Promise<NDArray> =>
  lastOf(model, image.reshape([1, ...image.shape]), "ddim_inversion", request);

/** The image, [1, c, h, w], that DDIM leads noise to. */
export const decodeNoise = (model: Trained, x: NDArray, request: InversionRequest): Promise<NDArray> =>
  lastOf(model, x, "ddim", request);

const lastOf = async (
  model: Trained,
  x: NDArray,
  kind: "ddim" | "ddim_inversion",
  { label, steps, signal }: InversionRequest,
): Promise<NDArray> => {
  const sampling = samplingOf(model.recipe, {
    sampler: { kind, steps },
    guidance: 1,
  });
  let end = x;
  for await (const frame of model.sample({
    labels: label === undefined ? undefined : [label],
    start: { kind: "given", x },
    sampling,
    signal,
  }))
    end = frame.x;
  return end;
};

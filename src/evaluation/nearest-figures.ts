import type { NDArray } from "../base/index.ts";
import { type Estimate, meanEstimate } from "./bootstrap.ts";
import type { Figure, FigureContext } from "./figures.ts";
import { memorisation } from "./memorisation.ts";
import { type Nearest, nearestRows } from "./neighbours.ts";

/** Rows of samples, of the images that a model learned from, and of those that it never saw. */
export interface NearestSets {
  /** What rows are, for the names of figures: "pixels", or a network's name. */
  readonly of: string;
  readonly samples: NDArray;
  readonly training: NDArray;
  readonly heldOut: NDArray | null;
}

/** For each sample its nearest training image, and what that says where there are held-out images to compare with. */
export const nearestFigures = async (
  { of, samples, training, heldOut }: NearestSets,
  { streams, signal, onStage }: FigureContext,
): Promise<{ readonly nearest: Nearest; readonly figures: Figure[] }> => {
  onStage?.(`nearest training images by ${of}`);
  const nearest = await nearestRows(samples, training, signal);
  if (!heldOut) return { nearest, figures: [] };
  const others = await nearestRows(heldOut, training, signal);
  const { closer, samples: near, heldOut: far } = memorisation(nearest.distance, others.distance);
  const estimate: Estimate = meanEstimate(closer, streams.get("resamplings"));
  const counts = { samples: samples.shape[0] ?? 0, reference: heldOut.shape[0] ?? 0 };
  const medians = `median distance to the nearest training image: ${near.toPrecision(3)} of samples, ${far.toPrecision(3)} of held-out images`;
  const few = counts.reference < 50 ? [`only ${counts.reference} held-out images to compare with`] : [];
  return {
    nearest,
    figures: [
      {
        name: `share of held-out images that are farther from training images than a sample, by ${of}`,
        better: "near ½",
        ...estimate,
        ...counts,
        notes: [medians, ...few],
      },
    ],
  };
};

/** Pictures that are there more than once, bit for bit. */
export interface Copies {
  /** Samples that are a training image. */
  readonly ofTraining: number;
  /** Samples that are an earlier sample. */
  readonly ofSamples: number;
}

export const countCopies = (samples: NDArray, training: NDArray): Copies => {
  const keyOf = (image: NDArray): string =>
    Buffer.from(image.data.buffer, image.data.byteOffset, image.data.byteLength).toString("latin1");
  const known = new Set(training.split().map(keyOf));
  const seen = new Set<string>();
  let [ofTraining, ofSamples] = [0, 0];
  for (const key of samples.split().map(keyOf)) {
    if (known.has(key)) ofTraining += 1;
    if (seen.has(key)) ofSamples += 1;
    seen.add(key);
  }
  return { ofTraining, ofSamples };
};

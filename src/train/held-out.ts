import { type NDArray, Streams } from "../base/index.ts";
import { type Dataset, toUnit } from "../data/index.ts";
import type { HeldOutResult } from "./events.ts";
import type { Batch, Earlier, Evaluate, HeldOutLoss } from "./system.ts";

/** Most images a measurement uses: its error falls with the root, its time grows with the number. */
const MAX_IMAGES = 256;

/** Measures the loss at each point, with the same images and noise at every call. */
export const heldOutMeter = (
  { points, program, draw }: HeldOutLoss,
  {
    dataset,
    seed,
    evaluate,
    earlier,
  }: { dataset: Dataset; seed: number; evaluate: Evaluate; earlier: Earlier },
): (() => Promise<HeldOutResult>) => {
  const batch = firstBatch(dataset, MAX_IMAGES);
  return async () => {
    const losses: number[] = [];
    for (const point of points) {
      const { losses: each } = await evaluate(program, await draw(batch, point, new Streams(seed), earlier));
      losses.push((each as NDArray).mean().item());
    }
    return { points, losses, mean: losses.reduce((sum, loss) => sum + loss, 0) / losses.length };
  };
};

/** The first images of a data set, at most `most`. */
export const firstBatch = ({ images, labels }: Dataset, most: number): Batch => {
  const count = Math.min(most, images.shape[0] ?? 0);
  return { images: toUnit(images.rows(0, count)), ...(labels && { labels: labels.rows(0, count) }) };
};

import { type NDArray, Streams } from "../base/index.ts";
import { type Dataset, toUnit } from "../data/index.ts";
import type { HeldOutResult } from "./events.ts";
import type { Batch, Evaluate, HeldOutLoss } from "./system.ts";

/** Most images a measurement uses: its error falls with the root, its time grows with the number. */
const MAX_IMAGES = 256;

/** Measures the loss at each point, with the same images and noise at every call. */
export const heldOutMeter = (
  { points, program, draw }: HeldOutLoss,
  { dataset, seed, evaluate }: { dataset: Dataset; seed: number; evaluate: Evaluate },
): (() => Promise<HeldOutResult>) => {
  const count = Math.min(MAX_IMAGES, dataset.images.shape[0] ?? 0);
  const batch: Batch = {
    images: toUnit(dataset.images.rows(0, count)),
    ...(dataset.labels && { labels: dataset.labels.rows(0, count) }),
  };
  return async () => {
    const losses: number[] = [];
    for (const point of points) {
      const { losses: each } = await evaluate(program, draw(batch, point, new Streams(seed)));
      losses.push((each as NDArray).mean().item());
    }
    return { points, losses, mean: losses.reduce((sum, loss) => sum + loss, 0) / losses.length };
  };
};

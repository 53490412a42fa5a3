import { ArgumentError, type Generator } from "../base/index.ts";
import { type Dataset, selectImages } from "./dataset.ts";

/**
 * Keeps round(fraction · n) images, drawn from the generator, away from training: at least one unless the
 * fraction is 0, and never all. Both parts come in the drawn order, so any first rows are a fair sample.
 */
export const split = (
  dataset: Dataset,
  fraction: number,
  generator: Generator,
): { train: Dataset; heldOut: Dataset } => {
  if (!(fraction >= 0 && fraction < 1))
    throw new ArgumentError({
      who: "split",
      expected: "a fraction from 0 to below 1",
      got: String(fraction),
    });
  const n = dataset.images.shape[0] ?? 0;
  const count = fraction === 0 ? 0 : Math.max(1, Math.round(fraction * n));
  if (count >= n)
    throw new ArgumentError({
      who: "split",
      expected: "an image left to train on",
      got: `${count} of ${n} held out`,
      hint: "more images, or a held-out fraction of 0",
    });
  const order = generator.permutation(n).data;
  return {
    heldOut: selectImages(dataset, order.subarray(0, count)),
    train: selectImages(dataset, order.subarray(count)),
  };
};

import { type NDArray, sizeOf } from "../base/index.ts";
import { meanEstimate } from "./bootstrap.ts";
import { psnr, ssim } from "./fidelity.ts";
import { type Figure, type FigureContext, resampled } from "./figures.ts";
import { randomDirections, slicedOf, sortedProjections } from "./sliced-wasserstein.ts";

/** Directions that images are seen along. */
const DIRECTIONS = 256;

/** Images as rows of grey levels, float32 [n, c · h · w]. */
export const pixelRows = (images: NDArray): NDArray => {
  const [n = 0, ...image] = images.shape;
  return images.cast("float32").reshape([n, sizeOf(image)]);
};

/** The sliced Wasserstein distance of images uint8 [n, c, h, w] and [m, c, h, w], in grey levels. */
export const slicedFigure = async (
  samples: NDArray,
  reference: NDArray,
  context: FigureContext,
): Promise<Figure> => {
  context.onStage?.("sliced Wasserstein distance");
  const [n = 0, ...image] = samples.shape;
  const directions = randomDirections(DIRECTIONS, sizeOf(image), context.streams.get("directions"));
  const options = { directions, signal: context.signal };
  const sorted = await sortedProjections(pixelRows(samples), pixelRows(reference), options);
  const estimate = await resampled(slicedOf(sorted), n, (counts) => slicedOf(sorted, counts), context);
  return {
    name: `sliced Wasserstein distance over pixels, ${DIRECTIONS} directions, in grey levels`,
    better: "lower",
    ...estimate,
    samples: n,
    reference: reference.shape[0] ?? 0,
    notes: [],
  };
};

/** How near images are to those of the same place in the reference. */
export const pairFigures = (samples: NDArray, reference: NDArray, { streams }: FigureContext): Figure[] => {
  const measures = { "PSNR in decibels": psnr(samples, reference), SSIM: ssim(samples, reference) };
  return Object.entries(measures).map(([name, all]) => {
    // Equal images have infinitely many decibels, which no mean can hold.
    const values = all.filter(Number.isFinite);
    const equal = all.length - values.length;
    return {
      name: `${name}, pair by pair`,
      better: "higher",
      ...meanEstimate(values, streams.get("resamplings")),
      samples: values.length,
      reference: values.length,
      notes: equal ? [`${equal} equal pairs left out, whose number is infinite`] : [],
    };
  });
};

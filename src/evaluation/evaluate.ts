import { ArgumentError, NDArray, ShapeError, Streams, sameShape } from "../base/index.ts";
import type { Dataset } from "../data/index.ts";
import { type ClassRead, compareSamples, featureReference } from "./feature-comparison.ts";
import type { ExtractOptions, FeatureNetwork, NetworkFacts } from "./feature-network.ts";
import type { Figure, FigureContext } from "./figures.ts";
import type { ClassRecall } from "./manifold.ts";
import { type Copies, countCopies, nearestFigures } from "./nearest-figures.ts";
import type { Nearest } from "./neighbours.ts";
import { pairFigures, pixelRows, slicedFigure } from "./pixel-figures.ts";

/** What is judged, and against what. */
export interface EvaluationInput {
  /** uint8 [n, c, h, w] */
  readonly samples: NDArray;
  /** The class that each was to be of, an index into the classes of the data, where that is known. */
  readonly labels?: readonly number[] | undefined;
  /** The images that a model learned from, or all of the reference. */
  readonly training: Dataset;
  /** Images of the same kind that it never saw. The reference is both together. */
  readonly heldOut: Dataset | null;
  /** Over whose features to compare; without one, there are only the numbers that need none. */
  readonly network: FeatureNetwork | null;
  /** Whether sample k belongs to image k of the reference. */
  readonly paired?: boolean;
  /** Of resamplings and directions. */
  readonly seed: number;
}

export interface EvaluationOptions extends Omit<FigureContext, "streams"> {
  /** Told how many images of those that features are taken of are done. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** The nearest training images of the samples by one measure. */
export interface NearestBy extends Nearest {
  readonly by: string;
}

/** What an evaluation came to. */
export interface Evaluation {
  readonly samples: number;
  /** [c, h, w] */
  readonly image: readonly number[];
  readonly reference: {
    readonly name: string;
    readonly images: number;
    readonly fingerprints: readonly string[];
  };
  readonly network: NetworkFacts | null;
  readonly seed: number;
  readonly figures: readonly Figure[];
  /** Recall by class, the rarest first. */
  readonly byClass: readonly ClassRecall[] | null;
  /** Samples asked for of each class, and the share that the network reads as it. */
  readonly readByClass: readonly ClassRead[] | null;
  readonly copies: Copies;
  readonly nearest: readonly NearestBy[];
}

/**
 * Judges samples by every number that there is material for, over all images, none left out.
 * @throws ShapeError for samples of another size or other channels than the reference
 * @throws ArgumentError for fewer than two samples or reference images
 */
export const evaluate = async (
  input: EvaluationInput,
  options: EvaluationOptions = {},
): Promise<Evaluation> => {
  const { samples, training, heldOut, network, seed, paired = false } = input;
  const parts = heldOut ? [training, heldOut] : [training];
  const reference = joined(parts);
  checkInput(samples, reference);
  const context: FigureContext = { ...options, streams: new Streams(seed) };
  const sliced = await slicedFigure(samples, reference, context);
  const pairs = paired ? pairFigures(samples, reference, context) : [];
  const byPixels = await nearestFigures(
    {
      of: "pixels",
      samples: pixelRows(samples),
      training: pixelRows(training.images),
      heldOut: heldOut && pixelRows(heldOut.images),
    },
    context,
  );
  const over = network ? await overFeatures(input, network, { ...options, ...context }) : null;
  const [n = 0, ...image] = samples.shape;
  return {
    samples: n,
    image,
    reference: {
      name: training.name,
      images: reference.shape[0] ?? 0,
      fingerprints: parts.map(({ fingerprint }) => fingerprint),
    },
    network: network && factsOf(network),
    seed,
    figures: [...(over?.figures ?? []), sliced, ...byPixels.figures, ...pairs],
    byClass: over?.byClass ?? null,
    readByClass: over?.readByClass ?? null,
    copies: countCopies(samples, training.images),
    nearest: [{ by: "pixels", ...byPixels.nearest }, ...(over ? [over.nearest] : [])],
  };
};

const joined = (parts: readonly Dataset[]): NDArray => NDArray.concat(parts.map(({ images }) => images));

const factsOf = ({
  name,
  fingerprint,
  preprocessing,
  standard,
  width,
  classes,
}: NetworkFacts): NetworkFacts => ({
  ...{ name, fingerprint, preprocessing, standard, width, classes },
});

const checkInput = (samples: NDArray, reference: NDArray): void => {
  const show = ({ dtype, shape }: NDArray) => `${dtype} ${shape.slice(1).join("×")}`;
  if (samples.dtype !== "uint8" || !sameShape(samples.shape.slice(1), reference.shape.slice(1)))
    throw new ShapeError({
      who: "evaluate",
      expected: `samples like the reference, ${show(reference)}`,
      got: show(samples),
    });
  for (const [what, { shape }] of [
    ["samples", samples],
    ["reference images", reference],
  ] as const)
    if ((shape[0] ?? 0) < 2)
      throw new ArgumentError({ who: "evaluate", expected: `two ${what} or more`, got: String(shape[0]) });
};

/** Everything that features tell: the figures of them, and the nearest training images by them. */
const overFeatures = async (
  { samples, labels, training, heldOut }: EvaluationInput,
  network: FeatureNetwork,
  options: ExtractOptions & FigureContext,
) => {
  const reference = await featureReference({ training, heldOut }, network, options);
  const { features, figures, ...classes } = await compareSamples({ samples, labels }, reference, options);
  const near = await nearestFigures(
    { of: network.name, samples: features, training: reference.training, heldOut: reference.heldOut },
    options,
  );
  return {
    figures: [...Object.values(figures), ...near.figures],
    ...classes,
    nearest: { by: network.name, ...near.nearest },
  };
};

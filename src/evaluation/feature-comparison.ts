import { NDArray } from "../base/index.ts";
import type { Dataset } from "../data/index.ts";
import { meanEstimate } from "./bootstrap.ts";
import { type FeatureFigures, featureFigures } from "./feature-figures.ts";
import type { ExtractOptions, FeatureNetwork, NetworkFacts } from "./feature-network.ts";
import type { Figure, FigureContext } from "./figures.ts";
import type { ClassRecall } from "./manifold.ts";

/** Features of a reference, taken once for however many sets of samples. */
export interface FeatureReference {
  readonly network: FeatureNetwork;
  /** Of all its images, float32 [n, width]; of those that a model learned from, and of those that it never saw. */
  readonly features: NDArray;
  readonly training: NDArray;
  readonly heldOut: NDArray | null;
  readonly labels: readonly number[] | null;
  readonly classes: readonly string[] | null;
}

/** How samples of one class are read. */
export interface ClassRead {
  readonly name: string;
  readonly samples: number;
  readonly share: number;
}

/** What features tell of samples. */
export interface Comparison {
  /** Of the samples, float32 [n, width]. */
  readonly features: NDArray;
  /** `read` where the network knows the classes that the samples were to be of. */
  readonly figures: FeatureFigures & { readonly read?: Figure };
  readonly byClass: readonly ClassRecall[] | null;
  readonly readByClass: readonly ClassRead[] | null;
}

/** Takes the features of the images that a model learned from, and of those that it never saw. */
export const featureReference = async (
  { training, heldOut }: { readonly training: Dataset; readonly heldOut: Dataset | null },
  network: FeatureNetwork,
  options: ExtractOptions & Pick<FigureContext, "onStage"> = {},
): Promise<FeatureReference> => {
  const parts = heldOut ? [training, heldOut] : [training];
  options.onStage?.(`features of the reference by ${network.name}`);
  const { features } = await network.extract(NDArray.concat(parts.map(({ images }) => images)), options);
  const [n = 0, m = 0] = [training.images.shape[0], features.shape[0]];
  return {
    network,
    features,
    training: features.rows(0, n),
    heldOut: heldOut && features.rows(n, m),
    labels: training.labels && [...training.labels.data, ...(heldOut?.labels?.data ?? [])],
    classes: training.classes,
  };
};

/** Judges samples uint8 [n, c, h, w], perhaps asked to be of classes, by every number that is made of features. */
export const compareSamples = async (
  { samples, labels }: { readonly samples: NDArray; readonly labels?: readonly number[] | undefined },
  { network, features: reference, labels: own, classes }: FeatureReference,
  options: ExtractOptions & FigureContext,
): Promise<Comparison> => {
  options.onStage?.(`features of the samples by ${network.name}`);
  const { features, read } = await network.extract(samples, options);
  const sets = { network, samples: features, reference, labels: own, classes };
  const { figures, byClass } = await featureFigures(sets, options);
  if (!labels || !read || !classes || !sameNames(network.classes, classes))
    return { features, figures, byClass, readByClass: null };
  const agreement = agreementFigure(read, labels, network, options);
  return {
    features,
    figures: { ...figures, read: agreement },
    byClass,
    readByClass: classReads(read, labels, classes),
  };
};

const sameNames = (a: readonly string[] | null, b: readonly string[]): boolean =>
  a !== null && a.length === b.length && a.every((name, i) => name === b[i]);

const classReads = (read: Int32Array, labels: readonly number[], classes: readonly string[]): ClassRead[] =>
  classes.flatMap((name, index) => {
    const own = labels.flatMap((label, i) => (label === index ? [read[i] === label] : []));
    return own.length === 0
      ? []
      : [{ name, samples: own.length, share: own.filter(Boolean).length / own.length }];
  });

/** How many samples the network reads as the class that they were to be of. */
const agreementFigure = (
  read: Int32Array,
  labels: readonly number[],
  { name }: NetworkFacts,
  { streams }: FigureContext,
): Figure => ({
  name: `share read as the class that was asked for, by ${name}`,
  better: "higher",
  ...meanEstimate(
    labels.map((label, i) => Number(read[i] === label)),
    streams.get("resamplings"),
  ),
  samples: labels.length,
  reference: null,
  notes: [],
});

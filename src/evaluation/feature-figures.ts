import type { NDArray } from "../base/index.ts";
import { type Estimate, meanEstimate, resamplings, withInterval } from "./bootstrap.ts";
import type { NetworkFacts } from "./feature-network.ts";
import type { Figure, FigureContext } from "./figures.ts";
import { withFrechetService } from "./frechet-service.ts";
import { kernelEstimate, kernelSums } from "./kernel-distance.ts";
import { type ClassRecall, manifold, NEIGHBOURS, recallByClass, tailRecall } from "./manifold.ts";

/** The most features for which the Fréchet distance is computed again for every resampling, which takes d³ operations. */
const MOST_FEATURES = 256;
/** Samples with which published FIDs are computed. */
const PUBLISHED = 50_000;

/** Features of both sets by one network, and the classes of the reference where it has some. */
export interface FeatureSets {
  readonly network: NetworkFacts;
  /** float32 [n, d] and [m, d]. */
  readonly samples: NDArray;
  readonly reference: NDArray;
  readonly labels: ArrayLike<number> | null;
  readonly classes: readonly string[] | null;
}

type About = Pick<Figure, "name" | "better"> & { readonly notes?: readonly string[] };

const figure = (sets: FeatureSets, estimate: Estimate, { notes = [], ...about }: About): Figure => ({
  ...about,
  ...estimate,
  samples: sets.samples.shape[0] ?? 0,
  reference: sets.reference.shape[0] ?? 0,
  notes,
});

/** Every number that is made of features, in the order in which they are told. */
export interface FeatureFigures {
  readonly frechet: Figure;
  readonly kernel: Figure;
  /** These where there are more images than neighbours. */
  readonly precision?: Figure;
  readonly recall?: Figure;
  readonly density?: Figure;
  readonly coverage?: Figure;
  /** Recall of rare classes, where there are any. */
  readonly rare?: Figure;
}

/** Computes them, and recall by class where classes are known. */
export const featureFigures = async (
  sets: FeatureSets,
  context: FigureContext,
): Promise<{ readonly figures: FeatureFigures; readonly byClass: ClassRecall[] | null }> => {
  const frechet = await frechetFigure(sets, context);
  const kernel = await kernelFigure(sets, context);
  const { figures, byClass } = await manifoldFigures(sets, context);
  return { figures: { frechet, kernel, ...figures }, byClass };
};

const frechetFigure = async (sets: FeatureSets, context: FigureContext): Promise<Figure> => {
  const { network, samples, reference } = sets;
  const [n = 0, d = 0] = samples.shape;
  context.onStage?.("Fréchet distance");
  const feasible = d <= MOST_FEATURES;
  const estimate = await withFrechetService(
    samples,
    reference,
    async (service): Promise<Estimate> => {
      const value = await service.distance();
      if (!feasible) return { value, interval: null };
      const replicates: number[] = [];
      for (const counts of resamplings(n, context.streams.get("resamplings")))
        replicates.push(await service.distance(counts));
      return withInterval(value, replicates);
    },
    context.signal,
  );
  return figure(sets, estimate, {
    name: network.standard ? `FID of ${n} samples` : `Fréchet distance over ${network.name}`,
    better: "lower",
    notes: [
      ...rankNotes(sets),
      ...(feasible ? [] : [`no interval: it would take ${d}³ operations for each resampling`]),
      ...(network.standard && n < PUBLISHED
        ? [`published FIDs are of ${PUBLISHED} samples; fewer give a higher number`]
        : []),
    ],
  });
};

/** A covariance of n images has rank n − 1 at most. */
const rankNotes = ({ samples, reference }: FeatureSets): string[] =>
  (
    [
      ["samples", samples],
      ["reference images", reference],
    ] as const
  ).flatMap(
    ([
      what,
      {
        shape: [n = 0, d = 0],
      },
    ]) =>
      n > d
        ? []
        : [
            `too few ${what}: the covariance of ${n} has a rank of at most ${n - 1}, and there are ${d} features`,
          ],
  );

const kernelFigure = async (sets: FeatureSets, context: FigureContext): Promise<Figure> => {
  const { network, samples, reference } = sets;
  const [n = 0] = samples.shape;
  context.onStage?.("kernel distance");
  const weights = [new Float64Array(n).fill(1), ...resamplings(n, context.streams.get("resamplings"))];
  const sums = await kernelSums(samples, reference, { weights, signal: context.signal });
  const [value = 0, ...replicates] = weights.map((weight, i) => kernelEstimate(sums, weight, i));
  return figure(sets, withInterval(value, replicates), {
    name: network.standard ? "KID" : `kernel distance (as KID) over ${network.name}`,
    better: "lower",
  });
};

const manifoldFigures = async (sets: FeatureSets, context: FigureContext) => {
  const { network, samples, reference, labels, classes } = sets;
  const most = Math.max(...Object.values(NEIGHBOURS));
  const [n = 0, m = 0] = [samples.shape[0], reference.shape[0]];
  if (Math.min(n, m) <= most) return { figures: {}, byClass: null };
  context.onStage?.("precision, recall, density and coverage");
  const found = await manifold(samples, reference, { signal: context.signal });
  const { precisionRecall: k, densityCoverage: l } = NEIGHBOURS;
  const neighbours = { precision: k, recall: k, density: l, coverage: l };
  const of = (name: keyof typeof neighbours): Figure =>
    figure(sets, meanEstimate(found[name], context.streams.get("resamplings")), {
      name: `${name} over ${network.name}, ${neighbours[name]} neighbours`,
      better: "higher",
      notes:
        (name === "recall" || name === "coverage") && n < m
          ? [`${n} samples cannot be near all of ${m} reference images: compare only with as many samples`]
          : [],
    });
  const figures = {
    precision: of("precision"),
    recall: of("recall"),
    density: of("density"),
    coverage: of("coverage"),
  };
  const byClass = labels && classes ? recallByClass(found.recall, labels, classes) : null;
  const tail = byClass && tailRecall(byClass);
  if (tail === null) return { figures, byClass };
  const rare = figure(
    sets,
    { value: tail, interval: null },
    {
      name: `recall of the classes rarer than the mean over ${network.name}, ${neighbours.recall} neighbours`,
      better: "higher",
    },
  );
  return { figures: { ...figures, rare }, byClass };
};

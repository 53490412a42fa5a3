import { ArgumentError, type NDArray } from "../base/index.ts";
import { checkPair } from "./features.ts";
import { neighbourRadii, squaredDistances } from "./neighbours.ts";

/** How many neighbours make the ball around an image, where their papers put it. */
export const NEIGHBOURS = { precisionRecall: 3, densityCoverage: 5 } as const;

/**
 * What precision, recall, density and coverage are the means of. The ball around an image reaches to its k-th nearest
 * neighbour in its own set.
 */
export interface Manifold {
  /** Of each sample, 1 where it lies in the ball of some reference image (Kynkäänniemi et al. 2019, section 2). */
  readonly precision: Float64Array;
  /** Of each reference image, 1 where it lies in the ball of some sample. */
  readonly recall: Float64Array;
  /** Of each sample, in how many balls of reference images it lies, over k (Naeem et al. 2020, eq. 4). */
  readonly density: Float64Array;
  /** Of each reference image, 1 where some sample lies in its ball (Naeem et al. 2020, eq. 6). */
  readonly coverage: Float64Array;
}

export interface ManifoldOptions {
  /** For precision and recall. */
  readonly precisionRecall?: number;
  /** For density and coverage. */
  readonly densityCoverage?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Membership of each of samples [n, d] and reference images [m, d] in the other's balls.
 * @throws ArgumentError where a set has not k + 1 images
 */
export const manifold = async (
  samples: NDArray,
  reference: NDArray,
  {
    precisionRecall: k = NEIGHBOURS.precisionRecall,
    densityCoverage: l = NEIGHBOURS.densityCoverage,
    signal,
  }: ManifoldOptions = {},
): Promise<Manifold> => {
  checkPair("manifold", samples, reference);
  const [n = 0] = samples.shape;
  const [m = 0] = reference.shape;
  for (const [what, count] of [
    ["samples", n],
    ["reference images", m],
  ] as const)
    if (count <= Math.max(k, l))
      throw new ArgumentError({
        who: "manifold",
        expected: `more than ${Math.max(k, l)} ${what}, for that many neighbours`,
        got: String(count),
      });
  const [around, wide] = (await neighbourRadii(reference, [k, l], signal)) as [Float64Array, Float64Array];
  const [ofSamples] = (await neighbourRadii(samples, [k], signal)) as [Float64Array];
  const [precision, density] = [new Float64Array(n), new Float64Array(n)];
  const [recall, coverage] = [new Float64Array(m), new Float64Array(m)];
  await squaredDistances(
    samples,
    reference,
    (i, squared) => {
      const own = ofSamples[i] as number;
      let balls = 0;
      for (let j = 0; j < m; j++) {
        const distance = squared[j] as number;
        if (distance < (around[j] as number)) precision[i] = 1;
        if (distance < own) recall[j] = 1;
        if (distance < (wide[j] as number)) {
          balls += 1;
          coverage[j] = 1;
        }
      }
      density[i] = balls / l;
    },
    signal,
  );
  return { precision, recall, density, coverage };
};

/** Recall among the images of one class. */
export interface ClassRecall {
  readonly name: string;
  /** Reference images of it. */
  readonly images: number;
  readonly recall: number;
}

/** Recall by class, the rarest class first: whether the tails of the data are left out. Classes without images are. */
export const recallByClass = (
  recall: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: readonly string[],
): ClassRecall[] => {
  const counts = classes.map(() => ({ images: 0, recalled: 0 }));
  for (let i = 0; i < labels.length; i++) {
    const count = counts[labels[i] as number];
    if (!count) continue;
    count.images += 1;
    count.recalled += recall[i] as number;
  }
  return counts
    .map(({ images, recalled }, i) => ({ name: classes[i] as string, images, recall: recalled / images }))
    .filter(({ images }) => images > 0)
    .sort((a, b) => a.images - b.images);
};

/** Recall over all images of the classes that are rarer than the mean class; null where all are equally frequent. */
export const tailRecall = (byClass: readonly ClassRecall[]): number | null => {
  const mean = byClass.reduce((sum, { images }) => sum + images, 0) / byClass.length;
  const tail = byClass.filter(({ images }) => images < mean);
  const images = tail.reduce((sum, each) => sum + each.images, 0);
  return images === 0 ? null : tail.reduce((sum, each) => sum + each.recall * each.images, 0) / images;
};

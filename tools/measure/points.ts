import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Generator, type NDArray } from "../../src/base/index.ts";
import { type Dataset, openDataset } from "../../src/data/index.ts";
import { energyDistance, type Figure } from "../../src/evaluation/index.ts";
import {
  openTrained,
  parseRecipe,
  type Recipe,
  type RecipeInput,
  samplingOf,
  type Trained,
  trainRecipe,
} from "../../src/systems/index.ts";

/**
 * How many times as far from held-out points as those are from each other generated points may be. Two held-out sets of
 * n are 2/n E|x − x'| apart on average, a ratio of 1; at 3, a model's own distance is twice that, 0.004 for
 * {@link POINTS} of a packaged density, which have unit variance.
 */
export const THRESHOLD = 3;

/** Milliseconds that a training may take where others are at work too: tens of seconds where none are. */
export const PATIENCE = 900_000;

/** In a set. */
const POINTS = 2000;
/** Of the held-out sets, far from those of the training data, and of what is generated. */
const SEEDS = [10_000, 20_000, 30_000];

/** Says what was measured, for the recipe's comment. */
export const show = (what: string, numbers: Readonly<Record<string, number>>): void =>
  console.log(
    `${what}: ${Object.entries(numbers)
      .map(([name, value]) => `${name} ${value.toFixed(3)}`)
      .join(", ")}`,
  );

/** A recipe trained to its end, in a temporary folder, by the native engine where it was built. Close it when done. */
export const trainPoints = async (input: RecipeInput): Promise<Trained> => {
  const recipe = parseRecipe<unknown>(input, "points");
  const folder = join(await mkdtemp(join(tmpdir(), "undiffuse-points-")), "run");
  const job = { recipe, dataset: await openDataset(recipe.data), folder, resume: false, threads: 1 };
  for await (const event of trainRecipe(job))
    if (event.kind === "skipped") throw new Error("a step was skipped");
  return openTrained(folder, { threads: 1 });
};

/** Points or bits that no recipe trains on: drawn from the same source with a seed of their own. */
const heldOut = ({ data }: Recipe, seed: number): Promise<Dataset> => {
  if (!("count" in data)) throw new Error(`${data.kind} cannot be drawn anew`);
  return openDataset({ ...data, count: POINTS, seed });
};

const rows = (images: NDArray): NDArray => images.reshape([images.shape[0] ?? 0, -1]);

/** Distances to held-out data, each on average over three sets and as a multiple of that between two such sets. */
export interface PointsResult {
  /** Of what the model generates; its expectation is 1 for a perfect one. */
  readonly model: number;
  /** Of normal points that have the data's mean and variance: what a model that learned nothing else comes to. */
  readonly noise: number;
}

/** Measures what a model generates, with some fields of its recipe's sampling changed. */
export const measurePoints = async (trained: Trained, changes: object = {}): Promise<PointsResult> => {
  const sums = { model: 0, noise: 0, between: 0 };
  for (const seed of SEEDS) {
    const real = await heldOut(trained.recipe, seed);
    const other = await heldOut(trained.recipe, seed + 5000);
    const reference = rows(real.images);
    const noise = rows(new Generator(seed).normal(real.images.shape));
    sums.model += await energyDistance(
      rows(await generated(trained, { seed, like: other, changes })),
      reference,
    );
    sums.noise += await energyDistance(noise, reference);
    sums.between += await energyDistance(rows(other.images), reference);
  }
  return { model: sums.model / sums.between, noise: sums.noise / sums.between };
};

/** As many points as a set has, of its classes where the model knows any: not the classes of what it is compared with. */
const generated = async (
  trained: Trained,
  { seed, like, changes }: { readonly seed: number; readonly like: Dataset; readonly changes: object },
): Promise<NDArray> => {
  const labels = trained.stage.conditional && like.labels ? [...like.labels.data] : undefined;
  const sampling = samplingOf(trained.recipe, changes);
  let last = like.images;
  for await (const { x } of trained.sample({ seed, count: POINTS, labels, sampling })) last = x;
  return last;
};

/** {@link measurePoints} as a figure of a recipe. */
export const pointFigures = async (trained: Trained): Promise<Figure[]> => [
  {
    name: "energy distance to held-out points, as a multiple of that between two held-out sets",
    better: "lower",
    value: (await measurePoints(trained)).model,
    interval: null,
    samples: POINTS,
    reference: POINTS,
    notes: [`mean of ${SEEDS.length} sets`],
  },
];

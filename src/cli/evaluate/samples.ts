import { resolve } from "node:path";
import { type NDArray, Streams } from "../../base/index.ts";
import { type Dataset, toPixels } from "../../data/index.ts";
import { generate } from "../batches.ts";
import { chosenSampling, type SamplingChoice } from "../sampling-options.ts";
import { type CountedModel, type Place, type Speed, speedOf } from "../speed.ts";
import { readPictures } from "./pictures.ts";

/** Images to judge, and what is known of them. */
export interface Samples {
  readonly samples: NDArray;
  /** The class that each was asked to be of. */
  readonly labels: readonly number[] | undefined;
  readonly facts: Readonly<Record<string, string>>;
  /** Null where nobody saw them made. */
  readonly speed: Speed | null;
}

/** Images that were made just now. */
export interface GeneratedSamples extends Samples {
  readonly facts: { readonly source: string; readonly seeds: string; readonly sampling: string };
  readonly speed: Speed;
}

/** The pictures of a folder, which are to be like the images of a reference. */
export const folderSamples = async (folder: string, reference: Dataset): Promise<Samples> => {
  const { images, skipped } = await readPictures(folder, reference.images.shape.slice(1));
  for (const { path, reason } of skipped) process.stderr.write(`skipped ${path}: ${reason}\n`);
  return { samples: images, labels: undefined, facts: { source: resolve(folder) }, speed: null };
};

export interface Generating extends SamplingChoice, Place {
  readonly seed: number;
  readonly count: number;
  readonly batch: number;
  readonly signal: AbortSignal;
}

/** Images that a model generates, of classes as frequent as in the reference. */
export const generatedSamples = async (
  model: CountedModel,
  reference: Dataset,
  { seed, count, batch, signal, threads, backend, ...choice }: Generating,
): Promise<GeneratedSamples> => {
  const { recipe, checkpoint, stage } = model;
  const known = stage.conditional ? checkpoint.header.classes : null;
  const sampling = await chosenSampling(recipe, known, choice);
  const labels = known ? labelsLike(reference, known, { count, seed }) : undefined;
  const settings = { seed, count, batch, labels, sampling, signal, animated: false };
  const before = model.evaluations();
  const { images, batches } = await generate(model, { ...settings, startOf: () => ({ kind: "noise" }) });
  const speed = speedOf(batches, model.evaluations() - before, { threads, backend });
  const facts = {
    source: `${checkpoint.path}, ${recipe.system} after ${checkpoint.header.step} steps`,
    seeds: `${seed} to ${seed + count - 1}`,
    sampling: JSON.stringify(sampling),
  };
  return { samples: toPixels(images), labels, facts, speed };
};

/** Classes as frequent as in the data, in a drawn order; in turns where the data have others. */
const labelsLike = (
  { labels, classes }: Dataset,
  known: readonly string[],
  { count, seed }: { readonly count: number; readonly seed: number },
): number[] => {
  if (!labels || classes?.join("\n") !== known.join("\n"))
    return Array.from({ length: count }, (_, k) => k % known.length);
  const order = new Streams(seed).get("classes").permutation(labels.size).data;
  return Array.from({ length: count }, (_, k) => labels.data[order[k % order.length] as number] as number);
};

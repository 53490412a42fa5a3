import { ArgumentError, Streams } from "../../base/index.ts";
import { type DataSpec, type Dataset, split } from "../../data/index.ts";
import type { Recipe } from "../../systems/index.ts";
import { openDataSource } from "../recipe-source.ts";
import { openImages } from "../train.ts";

/** Images to compare with: those that a run learns from, and those that it keeps away from training. */
export interface Reference {
  readonly spec: DataSpec;
  readonly training: Dataset;
  /** Null for data that no recipe divides. */
  readonly heldOut: Dataset | null;
}

/** The data of a recipe, divided as its training divides them. */
export const dividedData = ({ data, training }: Recipe, dataset: Dataset): Reference => {
  if (training.heldOut === 0) return { spec: data, training: dataset, heldOut: null };
  const parts = split(dataset, training.heldOut, new Streams(training.seed).get("held-out images"));
  return { spec: data, training: parts.train, heldOut: parts.heldOut };
};

/**
 * The data that a run was trained on.
 * @throws ArgumentError when they are no longer what they were then
 */
export const ownReference = async (recipe: Recipe, fingerprint: string): Promise<Reference> => {
  const dataset = await openImages(recipe.data);
  if (dataset.fingerprint !== fingerprint)
    throw new ArgumentError({
      who: "evaluate",
      expected: "the images that the run was trained on",
      got: `others under ${JSON.stringify(recipe.data)}`,
      hint: "to compare with them all the same, name them with --against",
    });
  return dividedData(recipe, dataset);
};

/** What `--against` names: a recipe, a run, or a folder of pictures, which are made as large as the samples. */
export const namedReference = async (
  word: string,
  given: { readonly size: number | undefined; readonly classes: "folders" | "none" | undefined },
): Promise<Reference> => {
  const { spec, recipe } = await openDataSource(word, given);
  const dataset = await openImages(spec);
  return recipe ? dividedData(recipe, dataset) : { spec, training: dataset, heldOut: null };
};

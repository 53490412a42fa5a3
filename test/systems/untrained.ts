import { parseRecipe, type RecipeInput, stagesOf, type TrainedStage } from "../../src/systems/index.ts";
import { type CheckpointHeader, type DataShape, initialWeights } from "../../src/train/index.ts";
import { tinyRecipe } from "../tiny-recipe.ts";

export const tinyNetwork = tinyRecipe().config.network;

/** Digits of 16×16 by three classes, as a system's recipe of seconds has them. */
export const recipeOf = (system: string, fields: object = {}, sampling: object = {}): RecipeInput =>
  ({
    ...tinyRecipe(),
    system,
    config: defined({ conditioning: { kind: "class" }, network: tinyNetwork, ...fields }),
    sampling,
  }) as unknown as RecipeInput;

/** Without the fields that are undefined, which a schema would take for given. */
const defined = (fields: object): object =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** A stage of a recipe, the last unless another is named, with the weights that it begins with. */
export const untrained = (
  input: RecipeInput,
  { data = {}, name }: { readonly data?: Partial<DataShape>; readonly name?: string } = {},
): TrainedStage => {
  const shape: DataShape = { image: [1, 16, 16], classes: 3, ...data };
  const recipe = parseRecipe<unknown>(input, "recipe");
  const stages = stagesOf(recipe, shape);
  const stage = name === undefined ? stages.at(-1) : stages.find((each) => each.name === name);
  if (!stage) throw new Error(`no stage ${name}`);
  const header = {
    recipe,
    stage: stage.name,
    step: 7,
    form: shape.form ?? "pictures",
    image: shape.image,
    classes: shape.classes === null ? null : ["zero", "one", "two"],
  } as unknown as CheckpointHeader;
  const checkpoint = { path: "untrained", header, tensors: new Map() };
  return { recipe, checkpoint, stage, weights: initialWeights(stage) };
};

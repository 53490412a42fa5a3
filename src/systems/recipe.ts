import { z } from "zod";
import { parseAs } from "../base/index.ts";
import { dataSchema } from "../data/index.ts";
import { type DataShape, type Stage, type System, trainingSchema } from "../train/index.ts";
import { ddpm } from "./ddpm.ts";

const recipeOf = <N extends string, C extends z.ZodType, S extends z.ZodType>(system: System<N, C, S>) =>
  z.strictObject({
    /** What the run is called; its folder has this name unless another is given. */
    name: z.string().regex(/^[\w.-]+$/, "expected letters, digits, dots, dashes or underscores"),
    system: z.literal(system.name),
    config: system.config,
    data: dataSchema,
    training: trainingSchema,
    sampling: system.sampling,
  });

/** Every system by name. To add one: its file, a row here and one in the schema below. */
export const systems = { ddpm } as const;

/** One run worth doing again, whole: a system, its data, how it trains and how it samples. */
export const recipeSchema = z.discriminatedUnion("system", [recipeOf(systems.ddpm)]);
/** A recipe with every default filled in. */
export type Recipe = z.output<typeof recipeSchema>;
/** A recipe as it is written. */
export type RecipeInput = z.input<typeof recipeSchema>;

/** @throws ArgumentError that lists every wrong field; `name` says where the recipe came from */
export const parseRecipe = (value: unknown, name: string): Recipe =>
  parseAs(recipeSchema, value, { who: name, expected: "a recipe" });

/** The recipe's stages, built for images of this shape, with their initial weights. */
export const stagesOf = (
  { system, config, training }: Recipe,
  data: DataShape,
): readonly Stage<Recipe["sampling"]>[] => systems[system].stages(config, data, training.seed);

/** The recipe's way of sampling with some of its fields changed. @throws ArgumentError as {@link parseRecipe} */
export const samplingOf = (recipe: Recipe, changes: object): Recipe["sampling"] =>
  parseRecipe({ ...recipe, sampling: { ...recipe.sampling, ...changes } }, "sampling").sampling;

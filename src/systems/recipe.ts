import { z } from "zod";
import { ArgumentError, parseAs } from "../base/index.ts";
import { dataSchema } from "../data/index.ts";
import {
  type DataShape,
  type Stage,
  type System,
  stageTraining,
  stageTrainingSchema,
  type TrainingOptions,
  trainingSchema,
} from "../train/index.ts";
import { adm } from "./adm.ts";
import { cascade } from "./cascade.ts";
import { ddgan } from "./ddgan.ts";
import { ddpm } from "./ddpm.ts";
import { edm } from "./edm.ts";
import { gan } from "./gan.ts";
import { iddpm } from "./iddpm.ts";
import { ncsn } from "./ncsn.ts";
import { nonequilibrium } from "./nonequilibrium.ts";
import { rectifiedFlow } from "./rectified-flow.ts";
import { scoreSde } from "./score-sde.ts";
import { vae } from "./vae.ts";

/** Every system by name. To add one: its file and a row here. */
export const systems = {
  nonequilibrium,
  ncsn,
  ddpm,
  iddpm,
  "score-sde": scoreSde,
  edm,
  "rectified-flow": rectifiedFlow,
  adm,
  cascade,
  ddgan,
  gan,
  vae,
} as const;

const recipeOf = <N extends string, C extends z.ZodType, S extends z.ZodType>(system: System<N, C, S>) =>
  z.strictObject({
    /** What the run is called; its folder has this name unless another is given. */
    name: z.string().regex(/^[\w.-]+$/, "expected letters, digits, dots, dashes or underscores"),
    system: z.literal(system.name),
    config: system.config,
    data: dataSchema,
    /** How every stage trains. */
    training: trainingSchema,
    /** What differs in a stage of several, by its name. */
    stages: z.record(z.string(), stageTrainingSchema).optional(),
    sampling: system.sampling,
  });

type RecipeOf<T> = T extends System<infer N, infer C, infer S> ? ReturnType<typeof recipeOf<N, C, S>> : never;
type AnyRecipe = RecipeOf<(typeof systems)[keyof typeof systems]>;

/** One run worth doing again, whole: a system, its data, how it trains and how it samples. */
export const recipeSchema = z.discriminatedUnion(
  "system",
  Object.values(systems as unknown as Readonly<Record<string, System<string, z.ZodType, z.ZodType>>>).map(
    recipeOf,
  ) as unknown as [AnyRecipe, ...AnyRecipe[]],
);
/** A recipe with every default filled in. */
export type Recipe = z.output<typeof recipeSchema>;
/** A recipe as it is written. */
export type RecipeInput = z.input<typeof recipeSchema>;

/** What parsing gives: of a recipe whose system is known, one of that system. */
type Parsed<V> = V extends { readonly system: infer N extends Recipe["system"] }
  ? Extract<Recipe, { readonly system: N }>
  : Recipe;

/** @throws ArgumentError that lists every wrong field; `name` says where the recipe came from */
export const parseRecipe = <V>(value: V, name: string): Parsed<V> =>
  parseAs(recipeSchema, value, { who: name, expected: "a recipe" }) as Parsed<V>;

/**
 * The recipe's stages in the order of their training, built for such data, with their initial weights.
 * @throws ArgumentError where configuration and data do not fit, or the recipe speaks of a stage that there is not
 */
export const stagesOf = (recipe: Recipe, data: DataShape): readonly Stage[] => {
  const { system, config, training } = recipe;
  // That the configuration is this very system's the schema has seen to.
  const { stages } = systems[system] as unknown as System<string, z.ZodType, z.ZodType>;
  const built = stages(config, data, training.seed) as readonly Stage[];
  const names = built.map(({ name }) => name);
  for (const name of Object.keys(recipe.stages ?? {}))
    if (names.length === 1 || !names.includes(name))
      throw new ArgumentError({
        who: "recipe.stages",
        expected: names.length === 1 ? `none, as ${system} has one stage` : `some of ${names.join(", ")}`,
        got: name,
      });
  return built;
};

/** How a stage of a recipe trains. */
export const trainingOf = (recipe: Recipe, { name }: Stage): TrainingOptions => stageTraining(recipe, name);

/** The recipe's way of sampling with some of its fields changed. @throws ArgumentError as {@link parseRecipe} */
export const samplingOf = <R extends Recipe>(recipe: R, changes: object): R["sampling"] =>
  parseRecipe<unknown>({ ...recipe, sampling: { ...recipe.sampling, ...changes } }, "sampling").sampling;

/** The recipe without guidance: the fields of its sampling that guide are what their schema calls `unguided`. */
export const unguided = <R extends Recipe>(recipe: R): R => {
  const fields = Object.entries<z.ZodType>(systems[recipe.system].sampling.shape);
  const changes = fields.flatMap(([key, field]) => {
    const value = field.meta()?.unguided;
    return value === undefined ? [] : [[key, value]];
  });
  return { ...recipe, sampling: samplingOf(recipe, Object.fromEntries(changes)) };
};

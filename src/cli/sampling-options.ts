import { ArgumentError, FileError } from "../base/index.ts";
import type { DiffusionProcess, Schedule } from "../diffusion/index.ts";
import { readJsonObject } from "../formats/index.ts";
import {
  readScheduler,
  type SamplerKind,
  type SamplerSpec,
  samplerKinds,
  samplerSchema,
  sigmaSpacingNames,
  spacingNames,
} from "../samplers/index.ts";
import { hasSampler, type Recipe, type SteppingRecipe, samplingOf } from "../systems/index.ts";
import { choice, decimal, integer, text, UsageError } from "./command.ts";
import { literal, literalWord, splitOutsideBrackets } from "./literals.ts";

/** Kinds that lead to images. */
export const imageKinds = samplerKinds.filter((kind) => kind !== "ddim_inversion");

/** Options that say how noise becomes an image. */
export const samplingOptions = {
  sampler: choice("how noise becomes an image (default: the recipe's, with its settings)", imageKinds),
  steps: integer("steps of the sampler, most of one evaluation of the network", { least: 1 }),
  eta: decimal("noise of each step: 0 draws none, 1 the most (ddim, kdpm2, euler_ancestral, dpm_sde, tcd)"),
  spacing: text(`where its timesteps lie: ${spacingNames.join(", ")}, or a list, e.g. 999,500,100`, {
    value: "name",
  }),
  sigmas: text(`where its noise levels lie instead: ${sigmaSpacingNames.join(", ")}, or a list`, {
    value: "name",
  }),
  samplerOptions: text("more of the sampler, e.g. order=3,final=least,clip=null", { value: "key=value,…" }),
  scheduler: text("a diffusers scheduler_config.json instead of --sampler", { value: "file" }),
  guidance: decimal("how strongly the class steers; 1 is the model as trained, 0 ignores the class"),
  rescale: decimal("give this share of contrast back to guided images, 0 to 1"),
  interval: text("guide only while noise / signal is between, e.g. 0.2,2", { value: "a,b" }),
  negative: text("steer away from this class instead of from no class", { value: "name" }),
  sampling: text("other fields of the recipe's sampling, e.g. temperature=0.7", { value: "key=value,…" }),
} as const;

/** What was said of them. */
export interface SamplingChoice {
  readonly sampler?: SamplerKind | undefined;
  readonly steps?: number | undefined;
  readonly eta?: number | undefined;
  readonly spacing?: string | undefined;
  readonly sigmas?: string | undefined;
  readonly samplerOptions?: string | undefined;
  readonly scheduler?: string | undefined;
  readonly guidance?: number | undefined;
  readonly rescale?: number | undefined;
  readonly interval?: string | undefined;
  readonly negative?: string | undefined;
  readonly sampling?: string | undefined;
}

/** The recipe's way of sampling with what was chosen. @throws UsageError for words that make no sense */
export const chosenSampling = async <R extends Recipe>(
  recipe: R,
  classes: readonly string[] | null,
  choice: SamplingChoice,
): Promise<R["sampling"]> => {
  const { guidance, rescale, interval, negative } = choice;
  const changes = {
    ...keyValues(choice.sampling ?? "", "--sampling"),
    ...(await chosenSampler(recipe, choice)),
    ...(guidance !== undefined && { guidance }),
    ...(rescale !== undefined && { rescale }),
    ...(interval !== undefined && { interval: range(interval) }),
    ...(negative !== undefined && { negative: classIndex(classes, negative, "--negative") }),
  };
  try {
    return samplingOf(recipe, changes);
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error;
    throw new UsageError({ who: "sampling", expected: "options that it has", got: error.got });
  }
};

/** @throws UsageError unless it is two numbers that rise */
const range = (words: string): readonly number[] => {
  const parts = words.split(",");
  const [least = Number.NaN, most = Number.NaN] = parts.map((word) =>
    word.trim() ? Number(word) : Number.NaN,
  );
  if (parts.length === 2 && least >= 0 && most > least) return [least, most];
  throw new UsageError({
    who: "--interval",
    expected: "two numbers that rise from 0 or more, a,b",
    got: `"${words}"`,
  });
};

/** The sampler as a change of the sampling; none where nothing was said of it. */
const chosenSampler = async (recipe: Recipe, choice: SamplingChoice): Promise<object> => {
  const { sampler, steps, eta, spacing, sigmas, samplerOptions, scheduler } = choice;
  const asked = Object.entries({ sampler, steps, eta, spacing, sigmas, samplerOptions, scheduler });
  const first = asked.find(([, value]) => value !== undefined)?.[0];
  if (first === undefined) return {};
  const { system } = recipe;
  if (!hasSampler(recipe))
    throw new UsageError({
      who: first === "samplerOptions" ? "--sampler-options" : `--${first}`,
      expected: "a system that goes from noise to images step by step",
      got: system,
    });
  return { sampler: await samplerOf(recipe, choice) };
};

const samplerOf = async (recipe: SteppingRecipe, choice: SamplingChoice): Promise<object> => {
  const { sampler, steps, eta, samplerOptions, scheduler } = choice;
  if (scheduler !== undefined && sampler !== undefined)
    throw new UsageError({ who: "--scheduler", expected: "no --sampler beside it", got: sampler });
  const own = sampler === undefined ? recipe.sampling.sampler : { kind: sampler };
  const base = scheduler === undefined ? own : await fromScheduler(scheduler, recipe);
  const lists = {
    ...(choice.spacing !== undefined && { spacing: nameOrList(choice.spacing) }),
    ...(choice.sigmas !== undefined && { sigmas: nameOrList(choice.sigmas) }),
  };
  const said = {
    ...lists,
    ...keyValues(samplerOptions ?? "", "--sampler-options"),
    ...(eta !== undefined && { eta }),
  };
  return { ...base, ...said, ...stepsOf(said, steps) };
};

/** As many as were asked for, or as a list has. */
const stepsOf = (said: Readonly<Record<string, unknown>>, steps: number | undefined): object => {
  const listed = [said.sigmas, said.spacing].find(Array.isArray)?.length;
  const wanted = steps ?? listed;
  return wanted === undefined ? {} : { steps: wanted };
};

const nameOrList = (words: string): unknown =>
  /^[a-z]/i.test(words.trim()) ? words.trim() : words.split(",").map((word) => literal(word.trim()));

/** The sampler of a diffusers file, if it is for the schedule that the model was trained with. */
const fromScheduler = async (path: string, { config }: Recipe): Promise<object> => {
  const { process, sampler, prediction } = readScheduler(await readJsonObject(path));
  const theirs = "schedule" in process ? (process as DiffusionProcess).schedule : null;
  const own = "schedule" in config ? config.schedule : null;
  if (prediction !== "epsilon" || !theirs || !own || !sameSchedule(theirs, own))
    throw new FileError(path, {
      expected: `the model's own schedule, ${JSON.stringify(own)}, and epsilon`,
      got: `${JSON.stringify(theirs)} and ${prediction}`,
    });
  return sampler;
};

/** The ends of a curve that has none to choose do not count. */
const sameSchedule = (a: Schedule, b: Schedule): boolean => {
  const told = ({ beta_schedule, beta_start, beta_end, ...rest }: Schedule) =>
    JSON.stringify([
      beta_schedule,
      /cos|exp|given/.test(beta_schedule) ? null : [beta_start, beta_end],
      rest,
    ]);
  return told(a) === told(b);
};

/** `order=3,sigmas=karras` as an object; numbers, booleans, null, [lists] and {objects} are read as such. */
const keyValues = (words: string, who: string): Record<string, unknown> =>
  Object.fromEntries(
    splitOutsideBrackets(words)
      .filter((word) => word.trim() !== "")
      .map((word) => {
        const [key = "", ...rest] = word.split("=");
        if (key.trim() === "" || rest.length !== 1)
          throw new UsageError({ who, expected: "key=value with commas", got: `"${word}"` });
        return [key.trim(), literal((rest[0] as string).trim())];
      }),
  );

/** The words that choose this sampling again, whatever the recipe's own is. */
export const samplingWords = (
  sampling: Recipe["sampling"],
  recipe: Recipe,
  classes: readonly string[] | null,
): Record<string, string | number> => {
  const own: Fields = recipe.sampling;
  const { sampler, guidance, rescale, interval, negative, ...others } = sampling as Fields & Partial<Guided>;
  const more = assignments(changed(others, own));
  return {
    ...(sampler && samplerWords(sampler)),
    ...(guidance !== undefined && { guidance }),
    ...(rescale !== undefined && rescale !== own.rescale && { rescale }),
    ...(interval && { interval: interval.join(",") }),
    ...(negative !== undefined && { negative: classes?.[negative] ?? negative }),
    ...(more && { sampling: more }),
  };
};

type Fields = Readonly<Record<string, unknown>>;
type Guided = Extract<Recipe["sampling"], { readonly sampler: object }>;

const samplerWords = ({ kind, steps, ...rest }: SamplerSpec): Record<string, string | number> => {
  const more = assignments(changed(rest, samplerSchema.parse({ kind }) as unknown as Fields));
  return {
    sampler: kind,
    ...(steps !== undefined && { steps }),
    ...(more && { "sampler-options": more }),
  };
};

/** The fields that are not as they were before. */
const changed = (fields: object, before: Fields): [string, unknown][] =>
  Object.entries(fields).filter(
    ([key, value]) => value !== undefined && JSON.stringify(value) !== JSON.stringify(before[key]),
  );

const assignments = (fields: readonly [string, unknown][]): string =>
  fields.map(([key, value]) => `${key}=${literalWord(value)}`).join(",");

/** @throws UsageError when the model has no such class */
export const classIndex = (classes: readonly string[] | null, name: string, who: string): number => {
  const index = (classes ?? []).indexOf(name);
  if (index !== -1) return index;
  throw new UsageError({
    who,
    expected: classes ? `one of ${classes.join(", ")}` : "a model with classes",
    got: `"${name}"`,
  });
};

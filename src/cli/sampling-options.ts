import { readFile } from "node:fs/promises";
import { FileError } from "../base/index.ts";
import type { DiffusionProcess, Schedule } from "../diffusion/index.ts";
import { readScheduler, type SamplerKind, samplerKinds, samplerSchema } from "../samplers/index.ts";
import { type Recipe, samplingOf } from "../systems/index.ts";
import { choice, decimal, integer, text, UsageError } from "./command.ts";

/** Kinds that lead to images. */
const kinds = samplerKinds.filter((kind) => kind !== "ddim_inversion");

/** Options that say how noise becomes an image. */
export const samplingOptions = {
  sampler: choice("how noise becomes an image", kinds),
  steps: integer("steps of the sampler, most of one evaluation of the network", { least: 1 }),
  samplerOptions: text("more of the sampler, e.g. order=3,sigmas=karras,clip=null", { value: "key=value,…" }),
  scheduler: text("a diffusers scheduler_config.json instead of --sampler", { value: "file" }),
  guidance: decimal("how strongly the class steers; 1 is the model as trained, 0 ignores the class"),
  rescale: decimal("give this share of contrast back to guided images, 0 to 1"),
  interval: text("guide only while noise / signal is between, e.g. 0.2,2", { value: "a,b" }),
  negative: text("steer away from this class instead of from no class", { value: "name" }),
} as const;

/** What was said of them. */
export interface SamplingChoice {
  readonly sampler?: SamplerKind | undefined;
  readonly steps?: number | undefined;
  readonly samplerOptions?: string | undefined;
  readonly scheduler?: string | undefined;
  readonly guidance?: number | undefined;
  readonly rescale?: number | undefined;
  readonly interval?: string | undefined;
  readonly negative?: string | undefined;
}

/** The recipe's way of sampling with what was chosen. @throws UsageError for words that make no sense */
export const chosenSampling = async (
  recipe: Recipe,
  classes: readonly string[] | null,
  choice: SamplingChoice,
): Promise<Recipe["sampling"]> => {
  const { guidance, rescale, interval, negative } = choice;
  return samplingOf(recipe, {
    sampler: await chosenSampler(recipe, choice),
    ...(guidance !== undefined && { guidance }),
    ...(rescale !== undefined && { rescale }),
    ...(interval !== undefined && { interval: interval.split(",").map(Number) }),
    ...(negative !== undefined && { negative: classIndex(classes, negative, "--negative") }),
  });
};

const chosenSampler = async (recipe: Recipe, choice: SamplingChoice): Promise<object> => {
  const { sampler, steps, samplerOptions, scheduler } = choice;
  if (scheduler !== undefined && sampler !== undefined)
    throw new UsageError({ who: "--scheduler", expected: "no --sampler beside it", got: sampler });
  const own = recipe.sampling.sampler;
  const base =
    scheduler !== undefined
      ? await fromScheduler(scheduler, recipe)
      : sampler === undefined || sampler === own.kind
        ? own
        : { kind: sampler };
  return { ...base, ...keyValues(samplerOptions ?? ""), ...(steps !== undefined && { steps }) };
};

/** The sampler of a diffusers file, if it is for the schedule that the model was trained with. */
const fromScheduler = async (path: string, { config }: Recipe): Promise<object> => {
  const read = await readFile(path, "utf8").catch(() => null);
  if (read === null) throw new FileError(path, { expected: "a scheduler_config.json", got: "nothing there" });
  const json = parseJson(read, path);
  const { process, sampler, prediction } = readScheduler(json as Record<string, unknown>);
  const theirs = "schedule" in process ? (process as DiffusionProcess).schedule : null;
  if (prediction !== "epsilon" || !theirs || !sameSchedule(theirs, config.schedule))
    throw new FileError(path, {
      expected: `the model's own schedule, ${JSON.stringify(config.schedule)}, and epsilon`,
      got: `${JSON.stringify(theirs)} and ${prediction}`,
    });
  return sampler;
};

const parseJson = (text: string, path: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FileError(path, { expected: "JSON", got: (error as Error).message });
  }
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

/** `order=3,sigmas=karras` as an object; numbers, booleans and null are read as such. */
const keyValues = (words: string): Record<string, unknown> =>
  Object.fromEntries(
    words
      .split(",")
      .filter((word) => word.trim() !== "")
      .map((word) => {
        const [key = "", ...rest] = word.split("=");
        if (key.trim() === "" || rest.length !== 1)
          throw new UsageError({
            who: "--sampler-options",
            expected: "key=value with commas",
            got: `"${word}"`,
          });
        return [key.trim(), literal((rest[0] as string).trim())];
      }),
  );

const literal = (word: string): unknown => {
  try {
    return JSON.parse(word);
  } catch {
    return word;
  }
};

/** The words that choose this sampling again. */
export const samplingWords = (
  sampling: Recipe["sampling"],
  classes: readonly string[] | null,
): Record<string, string | number> => {
  const { sampler, guidance, rescale, interval, negative } = sampling;
  const { kind, steps, ...rest } = sampler;
  const plain = samplerSchema.parse({ kind }) as unknown as Record<string, unknown>;
  const changed = Object.entries(rest).filter(([key, value]) => value !== undefined && value !== plain[key]);
  return {
    sampler: kind,
    ...(steps !== undefined && { steps }),
    ...(changed.length > 0 && {
      "sampler-options": changed.map(([key, value]) => `${key}=${value}`).join(","),
    }),
    guidance,
    ...(rescale > 0 && { rescale }),
    ...(interval && { interval: interval.join(",") }),
    ...(negative !== undefined && { negative: classes?.[negative] ?? negative }),
  };
};

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

import { z } from "zod";
import { ArgumentError, parseAs } from "../base/index.ts";
import { type DiffusionProcess, diffusionProcess, type Prediction } from "../diffusion/index.ts";
import { type SamplerSpec, samplerSchema } from "./catalogue.ts";
import { type SchedulerClass, schedulerClasses } from "./scheduler-classes.ts";
import {
  predictionKey,
  readSchedule,
  type SchedulerKeys,
  scheduleKeys,
  writeSchedule,
} from "./scheduler-keys.ts";

/** What a diffusers `scheduler_config.json` says, in our terms. */
export interface Scheduler {
  readonly process: DiffusionProcess;
  readonly prediction: Prediction;
  readonly sampler: SamplerSpec;
}

const common = { ...scheduleKeys, prediction_type: predictionKey };
const schemaOf = ({ groups }: SchedulerClass) =>
  z.object(Object.assign({}, common, ...groups.map(({ keys }) => keys)) as typeof common);

/** Every key that some class knows: configurations carry those of others along. */
const knownKeys = new Set(
  Object.values(schedulerClasses).flatMap((entry) => Object.keys(schemaOf(entry).shape)),
);

/**
 * Reads a diffusers `scheduler_config.json`.
 * @param steps how many steps to take, which the file does not say
 * @throws ArgumentError for a class or key that is not known, and for keys that contradict one another
 */
export const readScheduler = (config: SchedulerKeys, steps?: number): Scheduler => {
  const { _class_name: name, _diffusers_version: _, ...keys } = config;
  const entry = schedulerClasses[String(name)];
  if (!entry)
    throw new ArgumentError({
      who: "_class_name",
      expected: `one of ${Object.keys(schedulerClasses).join(", ")}`,
      got: String(name),
    });
  refuseUnknown(keys);
  const parsed = parseAs(schemaOf(entry), keys, { who: String(name), expected: "its configuration" });
  const fields = Object.assign({}, entry.always, ...entry.groups.map(({ read }) => read(parsed)));
  const { kind, leastAlphaBar } = entry;
  return {
    process: diffusionProcess(readSchedule(parsed), leastAlphaBar === undefined ? {} : { leastAlphaBar }),
    prediction: parsed.prediction_type,
    sampler: samplerSchema.parse({ kind, ...fields, ...(steps !== undefined && { steps }) }),
  };
};

const refuseUnknown = (keys: SchedulerKeys): void => {
  const unknown = Object.keys(keys).filter((key) => !knownKeys.has(key) && !key.startsWith("_"));
  if (unknown.length === 0) return;
  throw new ArgumentError({
    who: "scheduler configuration",
    expected: "keys of diffusers'",
    got: unknown.join(", "),
  });
};

/** The `scheduler_config.json` that {@link readScheduler} reads as this. */
export const writeScheduler = ({ process, prediction, sampler }: Scheduler): SchedulerKeys => {
  const [name, entry] = Object.entries(schedulerClasses).find(([, { kind }]) => kind === sampler.kind) ?? [];
  if (!entry)
    throw new ArgumentError({ who: "sampler", expected: "one that diffusers has", got: sampler.kind });
  return {
    _class_name: name,
    ...writeSchedule(process.schedule),
    prediction_type: prediction,
    ...Object.assign({}, ...entry.groups.map(({ write }) => write(sampler))),
  };
};

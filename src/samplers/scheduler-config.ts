import { z } from "zod";
import { ArgumentError, parseAs } from "../base/index.ts";
import { type SamplerSpec, samplerSchema } from "./catalogue.ts";
import { type SchedulerClass, schedulerClasses } from "./scheduler-classes.ts";
import type { SchedulerKeys } from "./scheduler-keys.ts";
import { type ProcessReading, type SchedulerProcess, schedulerProcesses } from "./scheduler-processes.ts";

/** What a diffusers `scheduler_config.json` says, in our terms. */
export interface Scheduler extends ProcessReading {
  readonly sampler: SamplerSpec;
}

const schemaOf = ({ process, groups }: SchedulerClass): z.ZodObject =>
  z.object(Object.assign({}, ...groups.map(({ keys }) => keys), schedulerProcesses[process].keys));

/**
 * Keys that some class of diffusers' knows, and that these classes have no use for at their defaults.
 * Configurations carry the keys of the classes that they were once made for.
 */
const ignored = [
  "interpolation_type",
  "timestep_type",
  "use_flow_sigmas",
  "flow_shift",
  "lambda_min_clipped",
];
const knownKeys = new Set([
  ...ignored,
  ...Object.values(schedulerClasses).flatMap((entry) => Object.keys(schemaOf(entry).shape)),
]);

/**
 * Reads a diffusers `scheduler_config.json`.
 * @param steps how many steps to take, which the file does not say
 * @throws ArgumentError for a class or key that is not known, and for keys that contradict one another
 */
export const readScheduler = (config: SchedulerKeys, steps?: number): Scheduler => {
  const { _class_name: name, ...keys } = config;
  const entry = schedulerClasses[String(name)];
  if (!entry)
    throw new ArgumentError({
      who: "_class_name",
      expected: `one of ${Object.keys(schedulerClasses).join(", ")}`,
      got: String(name),
    });
  refuseUnknown(keys);
  const parsed = parseAs(schemaOf(entry), keys, { who: String(name), expected: "its configuration" });
  const fields = Object.assign({}, ...entry.groups.map(({ read }) => read(parsed)), entry.always);
  const spec = { kind: entry.kind, ...fields, ...(steps !== undefined && { steps }) };
  return {
    ...schedulerProcesses[entry.process].read(parsed),
    sampler: parseAs(samplerSchema, spec, { who: String(name), expected: "a sampler" }),
  };
};

const refuseUnknown = (keys: SchedulerKeys): void => {
  const unknown = Object.keys(keys).filter((key) => !knownKeys.has(key) && !key.startsWith("_"));
  if (unknown.length === 0) return;
  throw new ArgumentError({
    who: "scheduler configuration",
    expected: "keys of diffusers' schedulers",
    got: unknown.join(", "),
  });
};

/** The processes in continuous time by what their networks predict. */
const processOfPrediction: Readonly<Record<string, SchedulerProcess>> = { edm: "edm", score: "exploding" };

/** The `scheduler_config.json` that {@link readScheduler} reads as this. @throws ArgumentError when diffusers has none */
export const writeScheduler = (scheduler: Scheduler): SchedulerKeys => {
  const { sampler, process, prediction } = scheduler;
  const kindOfProcess =
    "schedule" in process ? ["chain", "ratio", "unclip"] : [processOfPrediction[prediction] ?? "flow"];
  const found = Object.entries(schedulerClasses).find(
    ([, entry]) =>
      entry.kind === sampler.kind && kindOfProcess.includes(entry.process) && fits(entry, sampler),
  );
  if (!found)
    throw new ArgumentError({ who: "sampler", expected: "one that diffusers has", got: sampler.kind });
  const [name, { process: of, groups }] = found;
  return {
    _class_name: name,
    ...schedulerProcesses[of].write(scheduler),
    ...Object.assign({}, ...groups.map(({ write }) => write(sampler))),
  };
};

/** Whether the sampler does what the class always does. */
const fits = ({ always }: SchedulerClass, sampler: SamplerSpec): boolean =>
  Object.entries(always).every(([field, value]) => (sampler as unknown as SchedulerKeys)[field] === value);

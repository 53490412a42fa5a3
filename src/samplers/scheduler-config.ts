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
 * Keys of diffusers' for what classes that do not read them do not do, with the value that asks for nothing, as null does too; `any` is
 * for what only matters under another of them. Configurations carry the keys of the classes that they were made for.
 */
const any = Symbol("any");
const idle: SchedulerKeys = {
  interpolation_type: "linear",
  timestep_type: "discrete",
  use_flow_sigmas: false,
  flow_shift: any,
  lambda_min_clipped: -Infinity,
  solver_p: null,
  use_dynamic_shifting: false,
  time_shift_type: any,
  base_shift: any,
  max_shift: any,
  base_image_seq_len: any,
  max_image_seq_len: any,
  shift_terminal: null,
  invert_sigmas: false,
  stochastic_sampling: false,
  original_inference_steps: 50,
};
const knownKeys = new Set([
  ...Object.keys(idle),
  ...Object.values(schedulerClasses).flatMap((entry) => Object.keys(schemaOf(entry).shape)),
]);

/**
 * Reads a diffusers `scheduler_config.json`.
 * @param steps how many steps to take, which the file does not say
 * @param call what else its caller says: mu, by how much a flow is shifted that hangs on the size of an image
 * @throws ArgumentError for a class or key that is not known, and for keys that contradict one another
 */
export const readScheduler = (
  config: SchedulerKeys,
  steps?: number,
  call: { readonly mu?: number } = {},
): Scheduler => {
  const { _class_name: name, ...keys } = config;
  const entry = schedulerClasses[String(name)];
  if (!entry)
    throw new ArgumentError({
      who: "_class_name",
      expected: `one of ${Object.keys(schedulerClasses).join(", ")}`,
      got: String(name),
    });
  refuseUnknown(keys);
  refuseUndone(entry, keys);
  const parsed = parseAs(
    schemaOf(entry),
    { ...keys, ...call },
    { who: String(name), expected: "its configuration" },
  );
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

const refuseUndone = (entry: SchedulerClass, keys: SchedulerKeys): void => {
  const own = schemaOf(entry).shape;
  for (const [key, value] of Object.entries(idle))
    if (!(key in own) && value !== any && (keys[key] ?? value) !== value)
      throw new ArgumentError({
        who: key,
        expected: `${value}, as no other is supported`,
        got: String(keys[key]),
      });
};

/** The processes in continuous time by what their networks predict. */
const processesOf: Readonly<Record<string, readonly SchedulerProcess[]>> = {
  edm: ["edm"],
  edm_v: ["edm"],
  score: ["exploding"],
  flow_prediction: ["flow", "dynamic_flow"],
};
const scheduledProcesses: readonly SchedulerProcess[] = ["chain", "stable", "latent", "ratio", "unclip"];

/** The `scheduler_config.json` that {@link readScheduler} reads as this. @throws ArgumentError when diffusers has none */
export const writeScheduler = (scheduler: Scheduler): SchedulerKeys => {
  const { sampler, process, prediction } = scheduler;
  const possible = "schedule" in process ? scheduledProcesses : (processesOf[prediction] ?? []);
  const found = Object.entries(schedulerClasses).find(
    ([, entry]) => entry.kind === sampler.kind && possible.includes(entry.process) && fits(entry, sampler),
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

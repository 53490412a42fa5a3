import { stat } from "node:fs/promises";
import { readJsonObject } from "../formats/index.ts";
import type { Scheduling } from "../pipelines/index.ts";
import { samplerSchema } from "../samplers/index.ts";
import { UsageError } from "./command.ts";
import { imageKinds } from "./sampling-options.ts";

/** What --sampler names: one of ours, a class of diffusers', or a file. @throws UsageError for anything else */
export const chosenScheduling = async (name: string): Promise<Scheduling> => {
  const kind = imageKinds.find((each) => each === name);
  if (kind) return { kind: "sampler", spec: samplerSchema.parse({ kind, clip: null }) };
  if (/^\w+Scheduler$/.test(name)) return { kind: "class", name };
  if (await stat(name).catch(() => null)) return { kind: "config", config: await readJsonObject(name) };
  throw new UsageError({
    who: "--sampler",
    expected: `one of ${imageKinds.join(", ")}, a class of diffusers' such as EulerDiscreteScheduler, or a scheduler_config.json`,
    got: `"${name}"`,
  });
};

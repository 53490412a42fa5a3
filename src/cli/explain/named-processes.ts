import { ArgumentError } from "../../base/index.ts";
import {
  betaSchedules,
  type DiffusionProcess,
  diffusionProcess,
  scheduleSchema,
} from "../../diffusion/index.ts";

/** The constants that each schedule was published with; scaled_linear's are those of Stable Diffusion. */
const published: Readonly<Record<string, { readonly beta_start: number; readonly beta_end: number }>> = {
  linear: { beta_start: 1e-4, beta_end: 0.02 },
  scaled_linear: { beta_start: 0.00085, beta_end: 0.012 },
};

export interface NamedProcess {
  readonly name: string;
  /** The name with the constants that it was made with. */
  readonly label: string;
  readonly process: DiffusionProcess;
}

export const scheduleNames = Object.keys(betaSchedules);

/** Processes of the schedules named in a list with commas; ends that are not given are the published ones. */
export const namedProcesses = (
  list: string,
  ends: {
    readonly timesteps: number;
    readonly betaStart?: number | undefined;
    readonly betaEnd?: number | undefined;
  },
): NamedProcess[] =>
  list.split(",").map((part) => {
    const name = part.trim();
    if (!scheduleNames.includes(name))
      throw new ArgumentError({
        who: "--schedules",
        expected: `some of ${scheduleNames.join(", ")}`,
        got: `"${name}"`,
      });
    const constants = published[name];
    const beta_start = ends.betaStart ?? constants?.beta_start;
    const beta_end = ends.betaEnd ?? constants?.beta_end;
    const schedule = scheduleSchema.parse({
      beta_schedule: name,
      num_train_timesteps: ends.timesteps,
      ...(constants && { beta_start, beta_end }),
    });
    const label = constants ? `${name} (${beta_start} … ${beta_end})` : name;
    return { name, label, process: diffusionProcess(schedule) };
  });

import {
  type BetaSchedule,
  betaSchedules,
  type DiffusionProcess,
  diffusionProcess,
  scheduleSchema,
} from "../../diffusion/index.ts";
import { UsageError } from "../command.ts";
import { namesIn } from "./name-list.ts";

/** The betas that each schedule was published with, null where it has none to choose. */
const published: Readonly<Record<BetaSchedule, { readonly start: number; readonly end: number } | null>> = {
  linear: { start: 1e-4, end: 0.02 },
  scaled_linear: { start: 0.00085, end: 0.012 },
  squaredcos_cap_v2: null,
  sigmoid: { start: 1e-4, end: 0.02 },
  exponential: null,
};

export interface NamedProcess {
  readonly name: BetaSchedule;
  /** The first and last β that it was made with, for reading; null where it has none to choose. */
  readonly ends: string | null;
  /** Whether its end is stretched to noise alone. */
  readonly zeroSnr: boolean;
  readonly process: DiffusionProcess;
}

export const scheduleNames = Object.keys(betaSchedules) as BetaSchedule[];

/** Changes to what the schedules were published with. */
interface Changes {
  readonly timesteps: number;
  readonly betaStart?: number | undefined;
  readonly betaEnd?: number | undefined;
  /** Each schedule a second time, stretched so that it ends at noise alone (Lin et al. 2024, algorithm 1). */
  readonly zeroSnr?: boolean;
}

/** Processes of the schedules named in a list with commas. @throws UsageError */
export const namedProcesses = (list: string, changes: Changes): NamedProcess[] => {
  const names = namesIn("--schedules", list, scheduleNames);
  if (names.every((name) => published[name] === null)) refuseEnds(changes);
  const stretched = changes.zeroSnr ? [false, true] : [false];
  return stretched.flatMap((zeroSnr) => names.map((name) => namedProcess(name, { ...changes, zeroSnr })));
};

const refuseEnds = ({ betaStart, betaEnd }: Changes): void => {
  if (betaStart === undefined && betaEnd === undefined) return;
  throw new UsageError({
    who: betaStart === undefined ? "--beta-end" : "--beta-start",
    expected: "a schedule whose betas can be chosen",
    got: "none",
  });
};

const namedProcess = (
  name: BetaSchedule,
  { timesteps, betaStart, betaEnd, zeroSnr = false }: Changes,
): NamedProcess => {
  const kept = published[name];
  const start = betaStart ?? kept?.start;
  const end = betaEnd ?? kept?.end;
  if (kept && !(start && end && start <= end && end < 1))
    throw new UsageError({
      who: "--beta-start and --beta-end",
      expected: "0 < start <= end < 1",
      got: `${start} and ${end} for ${name}`,
      hint: "an end that is not given is the published one",
    });
  const schedule = scheduleSchema.parse({
    beta_schedule: name,
    num_train_timesteps: timesteps,
    ...(kept && { beta_start: start, beta_end: end }),
    rescale_betas_zero_snr: zeroSnr,
  });
  return { name, ends: kept && `β ${start} … ${end}`, zeroSnr, process: diffusionProcess(schedule) };
};

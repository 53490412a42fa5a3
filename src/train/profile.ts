import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunProfile } from "../runtime/index.ts";
import type { TrainJob } from "./job.ts";
import { freshStart } from "./resume.ts";
import { Run } from "./run.ts";
import { runFolder } from "./run-folder.ts";

/** Steps before the measured ones: the first reserve memory. */
const WARM_UP = 2;

/** Time that all operations of one name take in a training step. */
export interface OperationTime {
  readonly operation: string;
  /** Milliseconds a step. */
  readonly ms: number;
  /** Calls a step. */
  readonly calls: number;
  /** 10⁹ floating-point operations a second, of convolutions and matrix products; null for others. */
  readonly gflops: number | null;
}

/** Where the time of a training step goes, in milliseconds. */
export interface StepProfile {
  /** Steps measured; all figures are means over them. */
  readonly steps: number;
  /** The operations of onnxruntime, or of the native engine's plan, the longest first. */
  readonly operations: readonly OperationTime[];
  /** Spent in what runs them, between operations. */
  readonly between: number;
  /** Outside it: drawing the batch, copies, clipping, the optimizer and the moving average. */
  readonly outside: number;
  readonly total: number;
}

/**
 * Makes training steps on the job's backend, measured by operation, and forgets them; writes nothing but files that it
 * deletes.
 */
export const profileSteps = async <S>(job: TrainJob<S>, steps: number): Promise<StepProfile> => {
  const scratch = await mkdtemp(join(tmpdir(), "undiffuse-profile-"));
  try {
    const { total, profiles } = await makeSteps(job, { steps, profile: join(scratch, "update") });
    const runs = profiles.flatMap((all) => all.slice(WARM_UP * job.training.accumulate));
    return summarise(runs, { steps, total });
  } finally {
    await rm(scratch, { recursive: true });
  }
};

/** Gives the milliseconds of a step after the warm-up, and what each run of each update took. */
const makeSteps = async <S>(
  job: TrainJob<S>,
  { steps, profile }: { steps: number; profile: string },
): Promise<{ total: number; profiles: readonly (readonly RunProfile[])[] }> => {
  const run = await Run.open(job, { folder: runFolder(job.folder), start: freshStart, profile });
  try {
    for (let i = 0; i < WARM_UP; i++) await run.tryStep();
    const before = performance.now();
    for (let i = 0; i < steps; i++) await run.tryStep();
    const total = (performance.now() - before) / steps;
    return { total, profiles: await run.closeSessions() };
  } finally {
    await run.discard();
  }
};

const summarise = (
  runs: readonly RunProfile[],
  { steps, total }: { steps: number; total: number },
): StepProfile => {
  const calls = runs.flatMap(({ operations }) => operations);
  const operations = [...new Set(calls.map(({ name }) => name))]
    .map((operation) => {
      const own = calls.filter(({ name }) => name === operation);
      const ms = sum(own.map((call) => call.ms));
      const flop = sum(own.map((call) => call.flop));
      const gflops = flop > 0 ? flop / ms / 1e6 : null;
      return { operation, ms: ms / steps, calls: own.length / steps, gflops };
    })
    .sort((a, b) => b.ms - a.ms);
  const inOperations = sum(operations.map(({ ms }) => ms));
  const inRuns = sum(runs.map(({ ms }) => ms)) / steps;
  return { steps, operations, between: inRuns - inOperations, outside: total - inRuns, total };
};

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TrainJob } from "./job.ts";
import { freshStart } from "./resume.ts";
import { Run } from "./run.ts";
import { runFolder } from "./run-folder.ts";

/** Steps before the measured ones: the first reserve memory. */
const WARM_UP = 2;
/** What files of profiles are called; the index of an update follows. */
const PREFIX = "update";

/** Time that all nodes of one type take in a training step. */
export interface OperationTime {
  readonly operation: string;
  /** Milliseconds a step. */
  readonly ms: number;
  /** Calls a step. */
  readonly calls: number;
}

/** Where the time of a training step goes, in milliseconds. */
export interface StepProfile {
  /** Steps measured; all figures are means over them. */
  readonly steps: number;
  /** onnxruntime's operations, the longest first. */
  readonly operations: readonly OperationTime[];
  /** Spent in onnxruntime between operations. */
  readonly between: number;
  /** Outside onnxruntime: drawing the batch, copies, clipping, the optimizer and the moving average. */
  readonly outside: number;
  readonly total: number;
}

/** Makes training steps in onnxruntime, measured by operation, and forgets them; writes nothing but files that it deletes. */
export const profileSteps = async <S>(job: TrainJob<S>, steps: number): Promise<StepProfile> => {
  const scratch = await mkdtemp(join(tmpdir(), "undiffuse-profile-"));
  try {
    const total = await makeSteps(job, { steps, profile: join(scratch, PREFIX) });
    const { accumulate } = job.training;
    const times: Trace[] = [];
    for (const name of (await readdir(scratch)).sort()) {
      const update = job.stage.updates[Number.parseInt(name.slice(PREFIX.length + 1), 10)];
      const warm = Math.ceil(WARM_UP / (update?.every ?? 1)) * accumulate;
      times.push(...runsOf(JSON.parse(await readFile(join(scratch, name), "utf8"))).slice(warm));
    }
    return summarise(times.flat(), { steps, total });
  } finally {
    await rm(scratch, { recursive: true });
  }
};

/** Gives the milliseconds of a step after the warm-up. */
const makeSteps = async <S>(
  job: TrainJob<S>,
  { steps, profile }: { steps: number; profile: string },
): Promise<number> => {
  const run = await Run.open(
    { ...job, backend: "onnx" },
    { folder: runFolder(job.folder), start: freshStart, profile },
  );
  try {
    for (let i = 0; i < WARM_UP; i++) await run.tryStep();
    const before = performance.now();
    for (let i = 0; i < steps; i++) await run.tryStep();
    const total = (performance.now() - before) / steps;
    await run.closeSessions();
    return total;
  } finally {
    await run.discard();
  }
};

/** An event of Chrome's trace format as onnxruntime writes it; times are in microseconds. */
interface TraceEvent {
  readonly cat?: string;
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
  readonly args?: { readonly op_name?: string };
}
type Trace = readonly TraceEvent[];

const typeOf = ({ args }: TraceEvent): string => args?.op_name ?? "";

const isRun = ({ cat, name }: TraceEvent): boolean => cat === "Session" && name === "model_run";

/** The events of each run of a session: those that began within it. */
const runsOf = (trace: Trace): Trace[] =>
  trace.filter(isRun).map(({ ts, dur }) => trace.filter((event) => event.ts >= ts && event.ts <= ts + dur));

const summarise = (runs: Trace, { steps, total }: { steps: number; total: number }): StepProfile => {
  const nodes = runs.filter(({ cat }) => cat === "Node");
  const operations = [...new Set(nodes.map(typeOf))]
    .map((operation) => {
      const own = nodes.filter((node) => typeOf(node) === operation);
      return { operation, ms: milliseconds(own) / steps, calls: own.length / steps };
    })
    .sort((a, b) => b.ms - a.ms);
  const inOperations = milliseconds(nodes) / steps;
  const inRuns = milliseconds(runs.filter(isRun)) / steps;
  return { steps, operations, between: inRuns - inOperations, outside: total - inRuns, total };
};

const milliseconds = (events: Trace): number => events.reduce((sum, { dur }) => sum + dur, 0) / 1000;

import { profileSteps, type TrainJob } from "../train/index.ts";

/** Steps whose mean is shown. */
const STEPS = 10;
/** Elementwise operations that are one step have a long name. */
const NAME_WIDTH = 40;

/** Prints where the time of a training step goes; the steps are forgotten. */
export const showProfile = async <S>(job: TrainJob<S>): Promise<void> => {
  const { operations, between, outside, total } = await profileSteps(job, STEPS);
  const columns = ([name = "", ms = "", share = "", calls = "", gflops = ""]: readonly string[]) =>
    `${shortened(name).padEnd(NAME_WIDTH)} ${ms.padStart(10)} ${share.padStart(7)} ${calls.padStart(7)} ${gflops.padStart(8)}`.trimEnd();
  const row = (name: string, ms: number, ...more: readonly string[]) =>
    columns([name, ms.toFixed(2), `${((100 * ms) / total).toFixed(1)}%`, ...more]);
  const lines = [
    columns(["operation", "ms a step", "share", "calls", "GFLOP/s"]),
    ...operations.map(({ operation, ms, calls, gflops }) =>
      row(operation, ms, String(Math.round(calls)), gflops?.toFixed(1) ?? ""),
    ),
    row("between operations", between),
    row("batch, copies and optimizer", outside),
    row(`total, mean of ${STEPS} steps`, total),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
};

const shortened = (name: string): string =>
  name.length > NAME_WIDTH ? `${name.slice(0, NAME_WIDTH - 1)}…` : name;

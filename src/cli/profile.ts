import { profileSteps, type TrainJob } from "../train/index.ts";

/** Steps whose mean is shown. */
const STEPS = 10;

/** Prints where the time of a training step goes; the steps are forgotten. */
export const showProfile = async <S>(job: TrainJob<S>): Promise<void> => {
  const { operations, between, outside, total } = await profileSteps(job, STEPS);
  const row = (name: string, ms: number, calls = "") => {
    const share = `${((100 * ms) / total).toFixed(1)}%`;
    return `${name.padEnd(32)} ${ms.toFixed(2).padStart(10)} ${share.padStart(7)} ${calls.padStart(7)}`.trimEnd();
  };
  const lines = [
    `${"operation".padEnd(32)} ${"ms a step".padStart(10)} ${"share".padStart(7)} ${"calls".padStart(7)}`,
    ...operations.map(({ operation, ms, calls }) => row(operation, ms, String(Math.round(calls)))),
    row("between operations", between),
    row("batch, copies and optimizer", outside),
    row(`total, mean of ${STEPS} steps`, total),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
};

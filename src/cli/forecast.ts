import { forecastMemory, type MemoryForecast, type TrainJob, timeStep } from "../train/index.ts";
import { showSeconds } from "./progress.ts";

/** What the rows of a memory forecast are called, and what they count. */
const rows: Readonly<Record<keyof MemoryForecast, readonly [name: string, what: string]>> = {
  parameters: ["parameters", "initial values, and those in training"],
  movingAverage: ["moving average", ""],
  moments: ["moments", "the optimizer's"],
  gradients: ["gradients", "of a micro-batch, and their sum"],
  activations: ["activations", "what a step computes on the way"],
  images: ["images", "decoded"],
};

/** Says on standard error what a training will take: memory from its graph, then time by trying two steps. */
export const forecast = async <S>(job: TrainJob<S>): Promise<void> => {
  const say = (line: string) => process.stderr.write(`${line.trimEnd()}\n`);
  const row = (name: string, bytes: number, what: string) =>
    say(`  ${name.padEnd(14)} ${megabytes(bytes).padStart(11)}  ${what}`);
  const before = process.memoryUsage.rss(); // the images are in it already
  const memory = await forecastMemory(job);
  const program = Math.max(0, before - memory.images);
  const total = Object.values(memory).reduce((sum, bytes) => sum + bytes, program);
  say(`memory: about ${megabytes(total)}, held-out losses and previews not counted`);
  for (const key of Object.keys(rows) as (keyof MemoryForecast)[])
    row(rows[key][0], memory[key], rows[key][1]);
  row("program", program, "Node.js with its libraries, before the first step");
  const seconds = await timeStep(job);
  const { steps } = job.training;
  say(
    `time: about ${showSeconds(steps * seconds)} for ${steps} steps, held-out losses and previews not counted`,
  );
  say(`  a step took ${seconds.toPrecision(2)} s, the second of two that were tried`);
  say(`  with them the process was at ${megabytes(process.resourceUsage().maxRSS * 1024)} at its peak`);
};

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

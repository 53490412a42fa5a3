import { type ContinuousProcess, lambdaOf, noiseProcesses } from "../../diffusion/index.ts";
import { type LineChart, lineChart, type Series } from "../../formats/index.ts";
import { namesIn } from "./name-list.ts";
import type { Picture } from "./picture.ts";

type ProcessName = keyof typeof noiseProcesses;
export const processNames = Object.keys(noiseProcesses) as ProcessName[];

interface Named {
  readonly name: ProcessName;
  readonly process: ContinuousProcess;
}

/** Curves of the processes named in a list with commas, over the share of the time that each one spans. */
export const processPicture = async (list: string): Promise<Picture> => {
  const names = namesIn("--process", list, processNames);
  const processes = names.map((name) => ({ name, process: noiseProcesses[name]() }));
  return { svg: await lineChart(chartOf(processes)), readings: processes.map(reading) };
};

/** Those whose α is that of one before them, which would be hidden under a whole line. */
const covering: ReadonlySet<ProcessName> = new Set(["sub_vp", "edm"]);

/** Points of a curve. */
const POINTS = 201;
const shares = Array.from({ length: POINTS }, (_, k) => k / (POINTS - 1));

const chartOf = (processes: readonly Named[]): LineChart => {
  const of = (value: (process: ContinuousProcess, time: number) => number): Series[] =>
    processes.map(({ name, process }) => {
      const [clean, noisy] = process.span;
      const y = shares.map((share) => value(process, clean + share * (noisy - clean)));
      return { name, x: shares, y, style: covering.has(name) ? "dashed" : "line" };
    });
  const xLabel = "time, as a share of the process's span";
  return {
    title: "Noise processes in continuous time",
    subtitle:
      "x = α x₀ + σ ε: two keep the variance near 1, two only add noise, one goes straight from data to noise",
    panels: [
      { title: "α: factor of the data", xLabel, series: of((process, time) => process.alpha(time)) },
      {
        title: "σ: factor of the noise",
        xLabel,
        yScale: "log",
        series: of((process, time) => process.sigma(time)),
      },
      {
        title: "λ = ln(α / σ): half the log SNR",
        xLabel,
        series: of((process, time) => lambdaOf(process.level(time))),
      },
    ],
  };
};

/** What the picture shows of one process, in numbers. */
const reading = ({ name, process }: Named): string => {
  const [clean, noisy] = process.span;
  const [first, last, half] = [process.level(clean), process.level(noisy), process.time(0)];
  return `${name}: time ${clean} to ${noisy}; σ from ${first.sigma.toPrecision(2)} to ${last.sigma.toPrecision(2)}; α = σ at time ${half.toPrecision(3)}`;
};

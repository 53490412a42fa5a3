import { lineChart } from "../../formats/index.ts";
import { decimal, flag, integer, text } from "../command.ts";
import { noisedGrid } from "./forward-grid.ts";
import { type NamedProcess, namedProcesses, scheduleNames } from "./named-processes.ts";
import type { Picture } from "./picture.ts";
import { definePicture } from "./picture-command.ts";
import { processNames, processPicture } from "./process-chart.ts";
import { stacked } from "./stacked.ts";

export const scheduleCommand = definePicture({
  name: "schedule",
  summary: "Draw noise schedules side by side: beta, alphaBar and the signal-to-noise ratio",
  description: `The forward process adds noise in T steps,
    q(x_t | x_{t-1}) = N(sqrt(1 - beta_t) x_{t-1}, beta_t I),
and after t steps, with alphaBar_t = (1 - beta_1) … (1 - beta_t),
    q(x_t | x_0) = N(sqrt(alphaBar_t) x_0, (1 - alphaBar_t) I).
The schedule says how fast: SNR_t = alphaBar_t / (1 - alphaBar_t) is signal
over noise, in variance.

linear             beta from 0.0001 to 0.02
                   (Ho et al. 2020)
scaled_linear      sqrt(beta) linear, beta from 0.00085 to 0.012
                   (Rombach et al. 2022, Stable Diffusion)
squaredcos_cap_v2  alphaBar a squared cosine, beta at most 0.999
                   (Nichol and Dhariwal 2021)
sigmoid            beta along a logistic curve from 0.0001 to 0.02
                   (Xu et al. 2022, GeoDiff)
exponential        alphaBar = e^(-12 t / T), beta the same at every step

--zero-snr adds each schedule with sqrt(alphaBar) stretched to end at 0, noise
alone, as dashed lines (Lin et al. 2024): published schedules stop short of it.

--process draws processes in continuous time instead, x = alpha x_0 + sigma eps:
vp         variance preserving, the limit of the linear schedule
sub_vp     the same mean, less variance (both Song et al. 2021)
ve         variance exploding: alpha = 1, sigma grows from 0.01 to 50
edm        alpha = 1, and sigma is the time, 0.002 to 80 (Karras et al. 2022)
rectified_flow  alpha = 1 - t, sigma = t (Liu et al. 2023)`,
  options: {
    schedules: text("which, with commas (default: all)", { value: "names" }),
    timesteps: integer("T (default: 1000)", { least: 2 }),
    betaStart: decimal("first beta, of the schedules that have ends"),
    betaEnd: decimal("last beta, of the schedules that have ends"),
    zeroSnr: flag("also draw each one stretched to zero terminal SNR"),
    digit: flag("also show what remains visible of a handwritten digit"),
    image: text("also show what remains visible of this picture", { value: "file" }),
    process: text(`some of ${processNames.join(",")} instead`, { value: "names" }),
  },
  examples: [
    ["undiffuse explain schedule", "all schedules as published, in explain-schedule.svg"],
    ["undiffuse explain schedule --schedules linear,squaredcos_cap_v2 --out two.png", "two of them"],
    ["undiffuse explain schedule --schedules linear,scaled_linear --zero-snr --digit", "mended, on a digit"],
    ["undiffuse explain schedule --process vp,ve,edm,rectified_flow", "processes in continuous time"],
  ],
  rules: {
    process: { excludes: ["schedules", "timesteps", "betaStart", "betaEnd", "zeroSnr", "digit", "image"] },
    digit: { excludes: ["image"] },
  },
  draw: ({ process, ...request }) =>
    process === undefined ? schedulePicture(request) : processPicture(process),
});

interface Request {
  readonly schedules: string | undefined;
  readonly timesteps: number | undefined;
  readonly betaStart: number | undefined;
  readonly betaEnd: number | undefined;
  readonly zeroSnr: boolean;
  readonly digit: boolean;
  readonly image: string | undefined;
}

const schedulePicture = async (request: Request): Promise<Picture> => {
  const { schedules = scheduleNames.join(","), timesteps = 1000, digit, image, ...changes } = request;
  const processes = namedProcesses(schedules, { timesteps, ...changes });
  const chart = await scheduleChart(processes);
  const readings = processes.map(reading);
  if (!digit && image === undefined) return { svg: chart, readings };
  const grid = await noisedGrid({ processes, timesteps, columns: Math.min(9, timesteps), image, seed: 0 });
  return { svg: stacked("Noise schedules, and what they leave visible", [chart, grid]), readings };
};

const labelOf = ({ name, ends }: NamedProcess): string => (ends ? `${name} (${ends})` : name);

const scheduleChart = (processes: readonly NamedProcess[]): Promise<string> => {
  const of = (values: (process: NamedProcess["process"]) => ArrayLike<number>) =>
    processes.map((named) => ({
      name: labelOf(named),
      x: Array.from({ length: named.process.steps }, (_, t) => t),
      y: values(named.process),
      style: named.zeroSnr ? ("dashed" as const) : ("line" as const),
    }));
  const xLabel = "timestep t";
  const dashed = processes.some(({ zeroSnr }) => zeroSnr);
  return lineChart({
    title: "Noise schedules",
    subtitle: `How the forward process turns signal into noise${dashed ? "; dashed: stretched to end at noise alone" : ""}`,
    panels: [
      { title: "β: noise added by step t", xLabel, yScale: "log", series: of(({ betas }) => betas) },
      { title: "ᾱ: share of the variance that is signal", xLabel, series: of(({ alphaBars }) => alphaBars) },
      {
        title: "SNR = ᾱ / (1 − ᾱ)",
        xLabel,
        yScale: "log",
        series: of((process) => Array.from({ length: process.steps }, (_, t) => process.snr(t))),
      },
    ],
  });
};

/** What the picture shows of one schedule, in numbers. */
const reading = (named: NamedProcess): string => {
  const { alphaBars, steps, snr, level } = named.process;
  const half = alphaBars.findIndex((alphaBar) => alphaBar < 0.5);
  const last = steps - 1;
  const where =
    half === -1 ? "more than half of the variance stays signal" : `half noise at t = ${half} of ${steps}`;
  const ratio = `SNR from ${snr(0).toExponential(1)} down to ${snr(last).toExponential(1)}`;
  const label = `${labelOf(named)}${named.zeroSnr ? ", zero terminal SNR" : ""}`;
  return `${label}: ${where}; ${ratio}; x_0 weighs ${level(last).alpha.toPrecision(2)} at the end`;
};

import { lineChart } from "../../formats/index.ts";
import { decimal, defineCommand, integer, text } from "../command.ts";
import { type NamedProcess, namedProcesses, scheduleNames } from "./named-processes.ts";
import { checkPicturePath, writePicture } from "./picture.ts";

export const scheduleCommand = defineCommand({
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
                   (Nichol and Dhariwal 2021)`,
  arguments: {},
  options: {
    out: text<string>("where to write: .svg or .png", {
      short: "o",
      value: "file",
      fallback: "explain-schedule.svg",
    }),
    schedules: text<string>("which, with commas", { value: "names", fallback: scheduleNames.join(",") }),
    timesteps: integer<number>("T", { least: 2, fallback: 1000 }),
    betaStart: decimal("first beta, of the schedules that have ends"),
    betaEnd: decimal("last beta, of the schedules that have ends"),
  },
  examples: [
    ["undiffuse explain schedule", "all schedules as published, in explain-schedule.svg"],
    ["undiffuse explain schedule --schedules linear,squaredcos_cap_v2 --out two.png", "two of them"],
  ],
  async run({ out, schedules, timesteps, ...ends }) {
    checkPicturePath(out);
    const processes = namedProcesses(schedules, { timesteps, ...ends });
    await writePicture(out, await scheduleChart(processes));
    for (const named of processes) process.stdout.write(`${reading(named)}\n`);
  },
});

const labelOf = ({ name, ends }: NamedProcess): string => (ends ? `${name} (${ends})` : name);

const scheduleChart = (processes: readonly NamedProcess[]): Promise<string> => {
  const of = (values: (process: NamedProcess["process"]) => ArrayLike<number>) =>
    processes.map((named) => ({
      name: labelOf(named),
      x: Array.from({ length: named.process.steps }, (_, t) => t),
      y: values(named.process),
    }));
  const xLabel = "timestep t";
  return lineChart({
    title: "Noise schedules",
    subtitle: "How the forward process turns signal into noise",
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
  return `${labelOf(named)}: ${where}; ${ratio}; x_0 weighs ${level(last).alpha.toPrecision(2)} at the end`;
};

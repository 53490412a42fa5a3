import { FileError } from "../../base/index.ts";
import { type DiffusionProcess, diffusionProcess } from "../../diffusion/index.ts";
import { lineChart } from "../../formats/index.ts";
import { parseRecipe } from "../../systems/index.ts";
import { type HeldOutResult, readMetrics, requireCheckpoint, runFolder } from "../../train/index.ts";
import type { Picture } from "./picture.ts";

/** The terms of a run's bound, from the losses that its training measured on held-out images. */
export const runElboPicture = async (path: string): Promise<Picture> => {
  const folder = runFolder(path);
  const { checkpoint } = await requireCheckpoint(folder, "train one with: undiffuse train digits");
  const { config, name, system } = parseRecipe(checkpoint.header.recipe, path);
  if (!("schedule" in config))
    throw new FileError(path, {
      expected: "a run of a system that predicts the noise, as ddpm",
      got: system,
    });
  const measured = (await readMetrics(folder)).findLast((line) => line.heldOut !== undefined);
  if (!measured)
    throw new FileError(path, {
      expected: "a held-out loss among the run's metrics",
      got: "none",
      hint: "train further, with training.heldOut above 0",
    });
  const process = diffusionProcess(config.schedule);
  const { points, losses } = withoutFirst(measured.heldOut as HeldOutResult);
  const { times, terms } = termsOf(process, { points, losses });
  const sum = terms.reduce((all, term) => all + term, 0);
  const svg = await lineChart({
    title: "The variational bound of a run, term by term",
    subtitle: `Held-out images of ${name} at step ${measured.step}: L₁ and up come to ${sum.toFixed(2)} bits per dimension.\nThe loss of training weighs all steps alike; the bound spends its bits near the data, and where β ends high.`,
    panels: [
      {
        title: "Lₜ in bits per dimension",
        xLabel: "timestep t",
        xScale: "log",
        yScale: "log",
        series: [{ name: "Lₜ: cost of the step from t to t − 1", x: times, y: terms }],
      },
      {
        title: "mean |ε − ε'|², the loss of training",
        xLabel: "timestep t",
        yScale: "log",
        series: [{ name: "loss, on average over pixels", x: points, y: losses, style: "dotted" }],
      },
    ],
  });
  return { svg, readings: [`L_1 + … + L_${process.steps - 1} ≈ ${sum.toFixed(3)} bits per dimension`] };
};

type Losses = Pick<HeldOutResult, "points" | "losses">;

/** Those from t = 1 on: the step from t = 0 leads to data, and L_0 is no squared error. */
const withoutFirst = ({ points, losses }: HeldOutResult): Losses => ({
  points: points.filter((point) => point > 0),
  losses: losses.filter((_, k) => (points[k] as number) > 0),
});

/** L_t of a squared error of eps, in bits per dimension (Ho et al. 2020, eq. 12; Kingma et al. 2021, eq. 15). */
const termOf = (process: DiffusionProcess, t: number, loss: number): number =>
  ((process.snr(t - 1) / process.snr(t) - 1) * loss) / (2 * Math.LN2);

/** All terms from t = 1 on, with ln loss on straight lines between the points, and level before the first. */
const termsOf = (process: DiffusionProcess, { points, losses }: Losses) => {
  const lossAt = (t: number): number => {
    const above = points.findIndex((point) => point >= t);
    const [a, b] = [points[above - 1] ?? 0, points[above] as number];
    const [low, high] = [losses[above - 1] ?? (losses[above] as number), losses[above] as number];
    return low * (high / low) ** ((t - a) / (b - a));
  };
  const times = Array.from({ length: process.steps - 1 }, (_, k) => k + 1);
  return { times, terms: times.map((t) => termOf(process, t, lossAt(t))) };
};

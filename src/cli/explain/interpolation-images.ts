import { imageGenerators, NDArray } from "../../base/index.ts";
import { initialNoise } from "../../samplers/index.ts";
import type { Trained } from "../../systems/index.ts";
import { type Cell, captionedGrid, type Row } from "./captioned-grid.ts";
import { wayNames, ways } from "./interpolation-ways.ts";
import { framesOf, imageAt, samplingWith, withModel } from "./model-images.ts";
import type { Picture } from "./picture.ts";

interface Request {
  readonly model: string;
  readonly columns: number;
  readonly steps: number | undefined;
  readonly seed: number;
  readonly to: number;
}

/** Images of a trained model between the noises of two seeds: a row on the straight line, one on the circle. */
export const interpolatedImages = ({ model: path, columns, steps, seed, to }: Request): Promise<Picture> =>
  withModel(path, async (model) => {
    const shares = Array.from({ length: columns }, (_, k) => k / (columns - 1));
    const { image } = model.checkpoint.header;
    const [a, b] = [seed, to].map((at) => initialNoise(imageGenerators(at, 1), image)) as [NDArray, NDArray];
    const rows: Row[] = [];
    for (const name of wayNames) {
      const noises = shares.map((share) => ways[name](a, b, share));
      rows.push({ name, note: "", cells: await cellsOf(model, NDArray.concat(noises), steps) });
    }
    const svg = await captionedGrid({
      title: "Between two draws of noise",
      subtitle: `Images from seed ${seed} to seed ${to}; below each, the norm of its noise as a share of √d`,
      headings: shares.map((share) => `${Math.round(100 * share)}%`),
      rows,
    });
    return { svg };
  });

/** The images of noises [n, c, h, w], by a sampler that draws none of its own; of one class where there are any. */
const cellsOf = async (model: Trained, x: NDArray, steps: number | undefined): Promise<Cell[]> => {
  const count = x.shape[0] ?? 0;
  const frames = await framesOf(model, {
    count,
    labels: model.checkpoint.header.classes ? Array<number>(count).fill(0) : undefined,
    start: { kind: "given", x },
    sampling: samplingWith(model, { sampler: "ddim", steps }),
  });
  const end = frames.at(-1)?.x ?? x;
  return x.split().map((noise, k) => ({
    caption: Math.sqrt(noise.mul(noise).mean().item()).toFixed(2),
    image: imageAt(end, k),
  }));
};

import type { SamplerKind } from "../../samplers/index.ts";
import type { Trained } from "../../systems/index.ts";
import { type Cell, captionedGrid, type Row } from "./captioned-grid.ts";
import { evenly } from "./evenly.ts";
import { framesOf, imageAt, labelsInTurn, nameOf, samplingWith, withModel } from "./model-images.ts";
import type { Picture } from "./picture.ts";

interface Request {
  readonly model: string;
  readonly sampler: SamplerKind | undefined;
  readonly steps: number | undefined;
  readonly panels: number | undefined;
  readonly count: number;
  readonly seed: number;
}

/** Images of a trained model on their way: two rows each, x_t and the estimate of x_0. */
export const imagesPicture = ({ model, panels = 9, ...request }: Request): Promise<Picture> =>
  withModel(model, async (trained) => {
    const rows = await rowsOf(trained, { panels, ...request });
    const svg = await captionedGrid({
      title: "The reverse process",
      subtitle: "Above, xₜ after a step; below, the clean image that the network saw in it on the way there.",
      ...rows,
    });
    return { svg };
  });

const rowsOf = async (
  model: Trained,
  { sampler, steps, panels, count, seed }: Omit<Request, "model" | "panels"> & { readonly panels: number },
) => {
  const labels = labelsInTurn(model, count);
  const frames = await framesOf(model, {
    seed,
    count,
    labels,
    sampling: samplingWith(model, { sampler, steps }),
  });
  const shown = evenly(panels, { who: "--panels", count: frames.length }).flatMap((i) => frames[i] ?? []);
  const rows = Array.from({ length: count }, (_, k): Row[] => {
    const cells = (of: "x" | "denoised") => shown.map((frame): Cell => ({ image: imageAt(frame[of], k) }));
    return [
      { name: nameOf(model, labels, k), note: "xₜ", cells: cells("x") },
      { name: "", note: "estimate of x₀", cells: cells("denoised") },
    ];
  });
  return {
    headings: shown.map(({ index }) => `step ${index + 1} of ${frames.length}`),
    rows: rows.flat(),
  };
};

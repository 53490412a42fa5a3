import { UsageError } from "../command.ts";
import { type Cell, captionedGrid, type Row } from "./captioned-grid.ts";
import { framesOf, imageAt, labelsInTurn, nameOf, samplingWith, withModel } from "./model-images.ts";
import type { Picture } from "./picture.ts";

interface Request {
  readonly model: string;
  readonly scales: readonly number[];
  readonly steps: number | undefined;
  readonly count: number;
  readonly seed: number;
}

/** Images of a trained model with classes: a row at each guidance, the same noise in each column. */
export const guidedImages = ({ model: path, scales, steps, count, seed }: Request): Promise<Picture> =>
  withModel(path, async (model) => {
    const labels = labelsInTurn(model, count);
    if (!labels)
      throw new UsageError({ who: "--model", expected: "a model with classes", got: "one without" });
    const rows: Row[] = [];
    for (const guidance of scales) {
      const sampling = samplingWith(model, { guidance, steps });
      const frames = await framesOf(model, { seed, count, labels, sampling });
      const last = frames.at(-1);
      const cells = labels.flatMap((_, k): Cell[] => (last ? [{ image: imageAt(last.x, k) }] : []));
      rows.push({ name: `s = ${guidance}`, note: meaningOf(guidance), cells });
    }
    const svg = await captionedGrid({
      title: "Classifier-free guidance",
      subtitle: "u + s (c − u), with the same noise down each column: more guidance, clearer and more alike",
      headings: labels.map((_, k) => nameOf(model, labels, k)),
      rows,
    });
    return { svg };
  });

const meaningOf = (guidance: number): string =>
  guidance === 0 ? "no class" : guidance === 1 ? "the class as it is" : "";

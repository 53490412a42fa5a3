import { NDArray } from "../base/index.ts";
import { encodePng, escapeXml, imageGrid } from "../formats/index.ts";
import type { Evaluation } from "./evaluate.ts";
import type { Figure } from "./figures.ts";

/** Samples shown, and those among them whose nearest training images are. */
const [SHOWN, NEAREST_SHOWN] = [64, 12];
/** Pixels that a picture is shown with, at least. */
const TILE = 64;

/** What a report shows beside the numbers. */
export interface ReportInput {
  readonly title: string;
  readonly evaluation: Evaluation;
  /** uint8 [n, c, h, w] and [m, c, h, w], as evaluated. */
  readonly samples: NDArray;
  readonly training: NDArray;
  /** How the samples came to be, by name. */
  readonly facts: Readonly<Record<string, string>>;
}

/** A number in four digits. */
export const showNumber = (value: number): string =>
  value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(4)));

/** A figure's value with its interval. */
export const showFigure = ({ value, interval }: Pick<Figure, "value" | "interval">): string =>
  interval
    ? `${showNumber(value)} (${showNumber(interval[0])} to ${showNumber(interval[1])})`
    : showNumber(value);

const picture = async (images: NDArray, columns: number): Promise<string> => {
  const png = await encodePng(imageGrid(images, { columns, padding: 1 }));
  const [, , , width = 1] = images.shape;
  const scale = Math.max(1, Math.ceil(TILE / width));
  const data = Buffer.from(png).toString("base64");
  return `<img src="data:image/png;base64,${data}" style="width:${columns * (width + 1) * scale}px" alt="">`;
};

const cells = (values: readonly string[], tag = "td"): string =>
  `<tr>${values.map((value) => `<${tag}>${value}</${tag}>`).join("")}</tr>`;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<table>${cells(head, "th")}\n${rows.map((row) => cells(row)).join("\n")}</table>`;

const figureRow = (figure: Figure): string[] => [
  escapeXml(figure.name) + figure.notes.map((note) => `<br><small>${escapeXml(note)}</small>`).join(""),
  showNumber(figure.value),
  figure.interval ? figure.interval.map(showNumber).join(" to ") : "–",
  figure.better,
  String(figure.samples),
  figure.reference === null ? "–" : String(figure.reference),
];

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.3rem .8rem .3rem 0;text-align:left;vertical-align:top;border-bottom:1px solid #ddd}
small{color:#666}img{image-rendering:pixelated;display:block;max-width:100%;margin:.4rem 0}figure{margin:0 2rem 1rem 0;display:inline-block}`;

/**
 * A page that needs nothing else: the numbers, what they are of, the first samples, and those samples that come nearest
 * to training images beside them.
 */
export const reportPage = async ({
  title,
  evaluation,
  samples,
  training,
  facts,
}: ReportInput): Promise<string> => {
  const { figures, byClass, readByClass, copies, network, reference, nearest } = evaluation;
  const about = {
    ...facts,
    samples: `${evaluation.samples} of ${evaluation.image.join("×")}`,
    reference: `${reference.images} images of ${reference.name} (${reference.fingerprints.map((each) => each.slice(0, 12)).join(", ")})`,
    network: network
      ? `${network.name}; ${network.width} features; file ${network.fingerprint.slice(0, 12)}; ${network.preprocessing}`
      : "none: only numbers that need no features",
    copies: `${copies.ofTraining} samples are training images, bit for bit; ${copies.ofSamples} are earlier samples`,
  };
  const pairs = await Promise.all(
    nearest.map(async ({ by, index, distance }) => {
      const order = Array.from(distance.keys()).sort(
        (a, b) => (distance[a] as number) - (distance[b] as number),
      );
      const closest = order.slice(0, NEAREST_SHOWN);
      const rows = [
        ...closest.map((i) => samples.row(i)),
        ...closest.map((i) => training.row(index[i] as number)),
      ];
      const image = await picture(NDArray.stack(rows), closest.length);
      return `<figure><figcaption>by ${escapeXml(by)}</figcaption>${image}</figure>`;
    }),
  );
  const shown = samples.rows(0, Math.min(SHOWN, evaluation.samples));
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>${escapeXml(title)}</title><style>${STYLE}</style>
<h1>${escapeXml(title)}</h1>
${table(
  ["", ""],
  Object.entries(about).map(([name, value]) => [name, escapeXml(value)]),
)}
<h2>Numbers</h2>
${table(["", "value", "95% interval", "better", "samples", "compared with"], figures.map(figureRow))}
<p>What each number means, and when it lies: docs/evaluation.md of undiffuse.</p>
${byClass ? `<h2>Recall by class, the rarest first</h2>\n${classTable(byClass)}` : ""}
${readByClass ? `<h2>Read as the class that was asked for</h2>\n${readTable(readByClass)}` : ""}
<h2>The first ${shown.shape[0]} samples</h2>
${await picture(shown, Math.min(16, shown.shape[0] as number))}
<h2>The samples nearest to training images</h2>
<p>Samples above, below each the training image that is nearest to it.</p>
${pairs.join("\n")}
</html>
`;
};

const classTable = (byClass: NonNullable<Evaluation["byClass"]>): string =>
  table(
    ["class", "images", "recall"],
    byClass.map(({ name, images, recall }) => [escapeXml(name), String(images), showNumber(recall)]),
  );

const readTable = (reads: NonNullable<Evaluation["readByClass"]>): string =>
  table(
    ["class", "samples", "read as it"],
    reads.map(({ name, samples, share }) => [escapeXml(name), String(samples), showNumber(share)]),
  );

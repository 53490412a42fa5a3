import { type Estimate, showFigure, showNumber } from "../../evaluation/index.ts";
import type { Results, Row } from "./results.ts";

/** What each column is called, and what it says of a row. */
const columns: readonly (readonly [heading: string, cell: (row: Row) => string])[] = [
  ["", ({ name }) => name],
  ["parameters", ({ parameters }) => parameters.toLocaleString("en")],
  ["evaluations", ({ speed }) => showNumber(speed.evaluations)],
  ["images/s", ({ speed }) => showNumber(speed.imagesPerSecond)],
  ["N", ({ samples }) => samples.toLocaleString("en")],
  ["Fréchet distance", ({ frechet }) => showFigure(frechet)],
  ["kernel distance", ({ kernel }) => showFigure(kernel)],
  ["precision", ({ precision }) => shown(precision)],
  ["recall", ({ recall }) => shown(recall)],
  ["coverage", ({ coverage }) => shown(coverage)],
  ["read as asked for", ({ read }) => shown(read)],
];

const shown = (estimate: Estimate | null): string => (estimate ? showFigure(estimate) : "–");

/** Results as a page of Markdown: one table, and what its numbers are of. */
export const resultsPage = ({ settings, rows }: Results): string => {
  const { data, network, machine, threads, engine, batch, seed, version } = settings;
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const notes = [...new Set(rows.flatMap((row) => row.notes))];
  return `${[
    `# Quality, diversity and speed on ${data.name}`,
    "",
    line(columns.map(([heading]) => heading)),
    line(columns.map(() => "---")),
    ...rows.map((row) => line(columns.map(([, cell]) => cell(row)))),
    "",
    "In brackets, what the number would lie in for other samples, 19 times of 20. Parameters are all that a model trains,",
    "but for a discriminator's. Fréchet distances, recall and coverage compare only at the same N; kernel distances at any.",
    "",
    `- Samples of seed ${seed} and on, compared with ${data.images.toLocaleString("en")} images of ${data.name} (${data.fingerprint.slice(0, 12)}), classes as frequent as there`,
    `- Over ${network.name}: ${network.width} features, file ${network.fingerprint.slice(0, 12)}, ${network.preprocessing}`,
    `- Speed of the median batch of ${batch} after the first, on ${machine}, ${threads} ${threads === 1 ? "thread" : "threads"}, ${engine}`,
    `- undiffuse ${version}; runs: ${runsOf(rows)}`,
    ...notes.map((note) => `- Note: ${note}`),
  ].join("\n")}\n`;
};

const runsOf = (rows: readonly Row[]): string =>
  [
    ...new Set(
      rows.map(
        ({ recipe, checkpoint: { step, sha256 } }) =>
          `${recipe} after ${step} steps (${sha256.slice(0, 12)})`,
      ),
    ),
  ].join(", ");

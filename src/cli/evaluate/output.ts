import { join } from "node:path";
import { type NDArray, NonFiniteError } from "../../base/index.ts";
import { type Evaluation, type Figure, reportPage, showFigure } from "../../evaluation/index.ts";
import { makeFolder, writeWhole } from "../../formats/index.ts";
import type { Speed } from "../speed.ts";
import { version } from "../version.ts";

/** Nearest training images that are listed. */
const LISTED = 100;

interface Output {
  readonly folder: string;
  readonly title: string;
  readonly samples: NDArray;
  readonly training: NDArray;
  readonly facts: Readonly<Record<string, string>>;
  readonly speed: Speed | null;
}

/**
 * Writes report.html and evaluation.json into a folder, each whole or not at all, and prints the numbers.
 * @throws NonFiniteError for a number that is none; nothing is written then
 */
export const writeEvaluation = async (
  evaluation: Evaluation,
  { folder, title, samples, training, facts, speed }: Output,
): Promise<void> => {
  checkFinite(evaluation.figures);
  const page = await reportPage({ title, evaluation, samples, training, facts });
  const [report, json] = [join(folder, "report.html"), join(folder, "evaluation.json")];
  await makeFolder(folder);
  await writeWhole(report, page);
  await writeWhole(json, jsonOf(evaluation, { facts, speed }));
  process.stdout.write(`${summary(evaluation)}\n${report}\n${json}\n`);
};

/** @throws NonFiniteError for a number that is none */
export const checkFinite = (figures: readonly Figure[]): void => {
  for (const { name, value, interval } of figures)
    if (![value, ...(interval ?? [])].every(Number.isFinite))
      throw new NonFiniteError({ who: name, expected: "a finite number", got: String(value) });
};

const jsonOf = (
  { nearest, ...evaluation }: Evaluation,
  { facts, speed }: Pick<Output, "facts" | "speed">,
): string => {
  const listed = nearest.map(({ by, index, distance }) => ({
    by,
    nearest: Array.from(index, (training, sample) => ({
      sample,
      training,
      distance: distance[sample] as number,
    }))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, LISTED),
  }));
  return `${JSON.stringify({ format: 1, version, ...facts, speed, ...evaluation, nearest: listed }, null, 2)}\n`;
};

const summary = ({ figures, copies, samples }: Evaluation): string =>
  [
    ...figures.flatMap((figure) => [
      `${showFigure(figure).padEnd(30)} ${figure.name}`,
      ...figure.notes.map((note) => `${"".padEnd(30)}   ${note}`),
    ]),
    `${`${copies.ofTraining} of ${samples}`.padEnd(30)} are training images, bit for bit`,
    `${`${copies.ofSamples} of ${samples}`.padEnd(30)} are earlier samples, bit for bit`,
  ].join("\n");

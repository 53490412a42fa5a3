import { type FeatureNetwork, featureReference } from "../../evaluation/index.ts";
import type { Reference } from "../evaluate/reference.ts";
import { watched } from "../evaluate/watched.ts";
import type { Place } from "../speed.ts";
import type { Contender } from "./contenders.ts";
import { measure } from "./measure.ts";
import { openResults, type Results, type Row, saveResults } from "./results.ts";
import type { Entrant } from "./runs.ts";

/** From so many evaluations an image on, a contender takes hours for many images. */
const LONG = 1000;

/** How many images of contenders are generated: of those that take 1,000 evaluations an image, or more, `longCount`. */
export interface Counts {
  readonly count: number;
  readonly longCount: number;
}

/** How images are generated. */
export interface Terms extends Place, Counts {
  readonly seed: number;
  readonly batch: number;
}

/** Who is compared, by what, and where the results are. */
export interface Contest {
  readonly entrants: readonly Entrant[];
  readonly reference: Reference;
  readonly network: FeatureNetwork;
  readonly settings: Results["settings"];
  /** A JSON file. */
  readonly path: string;
}

/** How many images a contender makes. */
export const countOf = ({ evaluations }: Contender, { count, longCount }: Counts): number =>
  evaluations >= LONG ? longCount : count;

/**
 * Measures what has not been measured yet, saves the results after each contender, and gives them all. A contender whose
 * run was trained anew since counts as not measured.
 */
export const holdContest = async (
  contest: Contest,
  { count: usual, longCount, ...terms }: Terms,
  signal: AbortSignal,
): Promise<Results> => {
  const { entrants, path, settings, reference: data, network } = contest;
  const found = await openResults(path, settings);
  const rows = new Map<Entrant, Row>();
  for (const entrant of entrants) {
    const row = found.rows.find((each) => isOf(each, entrant));
    if (row) rows.set(entrant, row);
  }
  const results = () => ({ ...found, rows: entrants.flatMap((each) => rows.get(each) ?? []) });
  if (rows.size > 0) process.stderr.write(`${rows.size} of ${entrants.length} are measured already\n`);
  if (rows.size === entrants.length) return results();
  const reference = await watched((watch) => featureReference(data, network, { signal, ...watch }));
  for (const [k, entrant] of entrants.entries()) {
    if (rows.has(entrant)) continue;
    const { contender, run } = entrant;
    const count = countOf(contender, { count: usual, longCount });
    const title = `${k + 1} of ${entrants.length}: ${contender.name}, ${count} images by ${run.folder}`;
    process.stderr.write(`${title}\n`);
    rows.set(entrant, await measure(entrant, { reference, data }, { ...terms, count, signal }));
    await saveResults(path, results());
  }
  return results();
};

/** Whether a row is of this contender and this very checkpoint. */
const isOf = (row: Row, { contender, run }: Entrant): boolean =>
  row.name === contender.name &&
  row.recipe === contender.recipe &&
  JSON.stringify(row.choice) === JSON.stringify(contender.sampling) &&
  row.checkpoint.sha256 === run.checkpoint.sha256;

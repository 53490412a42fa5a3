import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { ArgumentError } from "../../base/index.ts";
import type { Dataset } from "../../data/index.ts";
import { type FeatureNetwork, openFeatureNetwork } from "../../evaluation/index.ts";
import { makeFolder, writeWhole } from "../../formats/index.ts";
import { UsageError } from "../command.ts";
import { dividedData } from "../evaluate/reference.ts";
import { INTERRUPTED, interruptible } from "../interrupt.ts";
import { engineOf, type Place } from "../speed.ts";
import { version } from "../version.ts";
import type { Contender } from "./contenders.ts";
import { type Counts, holdContest } from "./contest.ts";
import { resultsPicture } from "./picture.ts";
import { planOf } from "./plan.ts";
import type { Results } from "./results.ts";
import { commonData, findRuns, requireRuns } from "./runs.ts";
import { resultsPage } from "./table.ts";

/** What to compare by, and how. */
export interface Request extends Place {
  readonly features: string | undefined;
  readonly runs: string;
  readonly out: string;
  readonly count: number;
  readonly longCount: number | undefined;
  readonly seed: number;
  readonly batch: number;
  readonly dryRun: boolean;
}

/** Images of those that take 1,000 evaluations each, unless told. */
const LONG_COUNT = 1000;

/**
 * Compares contenders and writes table, picture and all numbers into a folder.
 * @throws UsageError without a network, or for too few images to time; FileError for runs that are not trained
 */
export const compare = async (contenders: readonly Contender[], request: Request): Promise<void> => {
  const counts = countsOf(request);
  if (request.features === undefined)
    throw new UsageError({
      who: "--features",
      expected: "the file of a network to compare by",
      got: "none",
      hint: "train one with: undiffuse classifier digits",
    });
  const { threads, backend } = request;
  const runs = await findRuns(request.runs, contenders);
  const { recipe, dataset } = await commonData(runs);
  const network = await openFeatureNetwork(request.features, { threads, backend });
  try {
    checkNetwork(network, dataset);
    const settings = settingsOf({ ...request, ...counts }, dataset, network);
    if (request.dryRun) {
      const lines = planOf(contenders, { runs, dataset, settings, out: request.out });
      process.stdout.write(`${lines.join("\n")}\n`);
      return;
    }
    const entrants = requireRuns(request.runs, contenders, runs);
    const reference = dividedData(recipe, dataset);
    await makeFolder(request.out);
    const path = join(request.out, "trilemma.json");
    const contest = { entrants, reference, network, settings, path };
    const { seed, batch } = request;
    const terms = { ...counts, seed, batch, threads, backend };
    await interruptible(
      "stopping; what is measured is kept, and the same command goes on",
      async (signal) => {
        try {
          await write(request.out, await holdContest(contest, terms, signal));
        } catch (error) {
          if (!signal.aborted) throw error;
          process.exitCode = INTERRUPTED;
        }
      },
    );
  } finally {
    await network.close();
  }
};

/** @throws UsageError where there would be no second whole batch, which is the first to be timed */
const countsOf = ({ count, longCount = Math.min(count, LONG_COUNT), batch }: Request): Counts => {
  for (const [who, images] of Object.entries({ "--count": count, "--long-count": longCount }))
    if (images < 2 * batch)
      throw new UsageError({
        who,
        expected: `at least ${2 * batch}, two batches of ${batch}, of which the second is timed`,
        got: String(images),
        hint: "--batch makes them smaller",
      });
  return { count, longCount };
};

/** @throws ShapeError for a network of other images, ArgumentError for one of other classes */
const checkNetwork = ({ check, name, classes }: FeatureNetwork, dataset: Dataset): void => {
  check(dataset.images.shape.slice(1));
  if (classes === null || classes.join("\n") === dataset.classes?.join("\n")) return;
  throw new ArgumentError({
    who: name,
    expected: `a network that tells apart the classes of ${dataset.name}, ${dataset.classes?.join(", ") ?? "none"}`,
    got: `one for ${classes.join(", ")}`,
  });
};

const settingsOf = (
  { count, longCount, seed, batch, ...place }: Request & Counts,
  { name, images, fingerprint }: Dataset,
  network: FeatureNetwork,
): Results["settings"] => ({
  ...{ version, count, longCount, seed, batch },
  ...engineOf(place),
  machine: `${cpus()[0]?.model ?? process.arch}, ${availableParallelism()} cores, Node.js ${process.version}`,
  data: { name, images: images.shape[0] ?? 0, fingerprint },
  network: {
    name: network.name,
    fingerprint: network.fingerprint,
    width: network.width,
    preprocessing: network.preprocessing,
  },
});

const write = async (folder: string, results: Results): Promise<void> => {
  const [table, picture] = [join(folder, "trilemma.md"), join(folder, "trilemma.svg")];
  const page = resultsPage(results);
  await writeWhole(table, page);
  await writeWhole(picture, resultsPicture(results));
  process.stdout.write(`${page}\n${[table, picture, join(folder, "trilemma.json")].join("\n")}\n`);
};

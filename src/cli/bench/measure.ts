import { ArgumentError, Streams } from "../../base/index.ts";
import {
  type Comparison,
  compareSamples,
  type FeatureReference,
  type Figure,
} from "../../evaluation/index.ts";
import { checkFinite } from "../evaluate/output.ts";
import type { Reference } from "../evaluate/reference.ts";
import { type GeneratedSamples, generatedSamples } from "../evaluate/samples.ts";
import { watched } from "../evaluate/watched.ts";
import { openCounted, type Place } from "../speed.ts";
import type { Contender } from "./contenders.ts";
import type { Row } from "./results.ts";
import type { Entrant } from "./runs.ts";

/** What images are compared with, and the features of all of it. */
export interface Against {
  readonly data: Reference;
  readonly reference: FeatureReference;
}

interface Terms extends Place {
  readonly count: number;
  readonly seed: number;
  readonly batch: number;
  readonly signal: AbortSignal;
}

/** Generates a contender's images and judges them. @throws NonFiniteError for a number that is none */
export const measure = async (
  { contender, run }: Entrant,
  { data, reference }: Against,
  terms: Terms,
): Promise<Row> => {
  const made = await generated({ contender, run }, data, terms);
  const { seed, signal } = terms;
  const { figures } = await watched((watch) =>
    compareSamples(made, reference, { streams: new Streams(seed), signal, ...watch }),
  );
  checkFinite(Object.values(figures));
  const { name, family, recipe, sampling } = contender;
  const { checkpoint, parameters } = run;
  const { speed, facts } = made;
  return {
    ...{ name, family, recipe, choice: { ...sampling }, ...facts, checkpoint, parameters },
    samples: terms.count,
    speed: { ...speed, imagesPerSecond: timed(contender, speed) },
    ...estimates(figures),
    notes: Object.values(figures).flatMap(({ notes }: Figure) => notes),
  };
};

const generated = async (
  { contender, run }: Entrant,
  { training }: Reference,
  terms: Terms,
): Promise<GeneratedSamples> => {
  const { threads, backend } = terms;
  const model = await openCounted(run.checkpoint.path, { threads, backend });
  try {
    return await generatedSamples(model, training, { ...contender.sampling, ...terms });
  } finally {
    await model.close();
  }
};

/** @throws ArgumentError where there were no two whole batches */
const timed = ({ name }: Contender, { imagesPerSecond, batch }: GeneratedSamples["speed"]): number => {
  if (imagesPerSecond !== null) return imagesPerSecond;
  throw new ArgumentError({
    who: name,
    expected: "two whole batches, of which the second is timed",
    got: `fewer of ${batch} images`,
  });
};

const estimates = (figures: Comparison["figures"]) => {
  const { frechet, kernel, precision, recall, density, coverage, read } = figures;
  return {
    frechet: estimate(frechet),
    kernel: estimate(kernel),
    precision: perhaps(precision),
    recall: perhaps(recall),
    density: perhaps(density),
    coverage: perhaps(coverage),
    read: perhaps(read),
  };
};

const estimate = ({ value, interval }: Figure): Row["frechet"] => ({
  value,
  interval: interval && [...interval],
});
const perhaps = (figure: Figure | undefined) => (figure ? estimate(figure) : null);

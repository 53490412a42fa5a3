import { Generator, Streams } from "../../src/base/index.ts";
import { openDataset } from "../../src/data/index.ts";
import { type Figure, meanEstimate } from "../../src/evaluation/index.ts";
import { nonequilibriumChain, type Trained } from "../../src/systems/index.ts";
import { averagedWeights, dataShape, openStage } from "../../src/train/index.ts";

/** Rows of which the bound is measured, and samples. */
const [ROWS, SAMPLES] = [1000, 2000];
/** Of the rows, far from that of the training data. */
const SEED = 10_000;

/**
 * How well a learned chain knows its data: the variational bound on held-out rows, drawn anew, in bits a row, and for
 * the heartbeat, whose truth is known, the share of samples that are perfect.
 */
export const chainFigures = async (trained: Trained): Promise<Figure[]> => {
  const { recipe, checkpoint } = trained;
  if (recipe.system !== "nonequilibrium" || !("count" in recipe.data)) return [];
  const rows = await openDataset({ ...recipe.data, count: ROWS, seed: SEED });
  const chain = nonequilibriumChain(recipe.config, dataShape(rows), recipe.training.seed);
  const open = openStage(chain, averagedWeights(checkpoint), { threads: 1 });
  const batch = { images: rows.images, ...(rows.labels && { labels: rows.labels }) };
  const { total, standardError } = await chain.bound(batch, open.evaluate, new Streams(SEED));
  await open.close();
  const bound: Figure = {
    name: "bits of a held-out row, at most (variational bound)",
    better: "lower",
    value: total,
    interval: [total - 1.96 * standardError, total + 1.96 * standardError],
    samples: ROWS,
    reference: null,
    notes: [],
  };
  if (recipe.data.kind !== "heartbeat") return [bound];
  const { period } = recipe.data;
  const perfect = await perfectRows(trained, period);
  const share: Figure = {
    name: "share of perfect heartbeats",
    better: "higher",
    ...meanEstimate(perfect, new Generator(0)),
    samples: SAMPLES,
    reference: null,
    notes: [],
  };
  return [bound, share];
};

/** For each sample, 1 if it is a pulse at every `period`-th bit and nothing else. */
const perfectRows = async (trained: Trained, period: number): Promise<number[]> => {
  let rows: number[] = [];
  for await (const { x } of trained.sample({ count: SAMPLES, seed: SEED }))
    rows = x.split().map(({ data }) => {
      const phase = data.indexOf(1);
      return Number(
        phase < period && data.every((bit, i) => bit === (i % period === phase % period ? 1 : -1)),
      );
    });
  return rows;
};

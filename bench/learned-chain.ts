// How well a learned chain knows its data: the variational bound on held-out rows, drawn anew, in bits a row, and for
// the heartbeat, whose truth is known, the share of samples that are perfect:
//   node --import ./tools/typescript.mjs --conditions=undiffuse-source bench/learned-chain.ts runs/heartbeat
import { Streams } from "../src/base/index.ts";
import { openDataset } from "../src/data/index.ts";
import { nonequilibriumChain, openTrained } from "../src/systems/index.ts";
import { averagedWeights, dataShape, openStage } from "../src/train/index.ts";

/** Rows of which the bound is measured, and samples. */
const [ROWS, SAMPLES] = [1000, 2000];
/** Of the rows, far from that of the training data. */
const SEED = 10_000;

const [path = ""] = process.argv.slice(2);
const trained = await openTrained(path, { threads: 1 });
const { recipe, checkpoint } = trained;
if (recipe.system !== "nonequilibrium" || !("count" in recipe.data))
  throw new Error("expected a run of nonequilibrium, on data that can be drawn anew");

const rows = await openDataset({ ...recipe.data, count: ROWS, seed: SEED });
const chain = nonequilibriumChain(recipe.config, dataShape(rows), recipe.training.seed);
const open = openStage(chain, averagedWeights(checkpoint), { threads: 1 });
const batch = { images: rows.images, ...(rows.labels && { labels: rows.labels }) };
const { total, standardError, prior } = await chain.bound(batch, open.evaluate, new Streams(SEED));
console.log(`bound: ${total.toFixed(4)} ± ${standardError.toFixed(4)} bits a row (L_T: ${prior.toFixed(5)})`);
await open.close();

if (recipe.data.kind === "heartbeat") {
  const { length, period } = recipe.data;
  let samples = rows.images;
  for await (const { x } of trained.sample({ count: SAMPLES, seed: SEED })) samples = x;
  const phases = Array.from({ length: period }, () => 0);
  for (const row of samples.split()) {
    const phase = row.data.indexOf(1);
    const perfect = row.data.every((bit, i) => bit === (i % period === phase % period ? 1 : -1));
    if (perfect && phase < period) phases[phase] = (phases[phase] ?? 0) + 1;
  }
  const perfect = phases.reduce((sum, count) => sum + count, 0);
  console.log(`truth: ${Math.log2(Math.min(period, length)).toFixed(4)} bits a row`);
  console.log(`perfect: ${perfect} of ${SAMPLES} samples, ${phases.join(", ")} of each phase`);
}
await trained.close();

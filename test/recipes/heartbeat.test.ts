import { afterAll, beforeAll, expect, it } from "vitest";
import { Streams } from "../../src/base/index.ts";
import { openHeartbeat } from "../../src/data/heartbeat.ts";
import { heartbeatNonequilibrium } from "../../src/recipes/index.ts";
import { nonequilibriumChain, parseRecipe, type Trained } from "../../src/systems/index.ts";
import { averagedWeights, dataShape, openStage } from "../../src/train/index.ts";
import { trainPoints } from "../../tools/measure/points.ts";

/** The bound in bits a sequence that Sohl-Dickstein et al. 2015 report (table 1); the truth is log₂ 5 = 2.322. */
const PUBLISHED = 2.414;

let trained: Trained;
beforeAll(async () => {
  trained = await trainPoints(heartbeatNonequilibrium);
}, 600_000);
afterAll(() => trained.close());

it("heartbeat-nonequilibrium: the bound on unseen sequences is no higher than the paper's, and no lower than the truth", async () => {
  const recipe = parseRecipe(heartbeatNonequilibrium, "heartbeat-nonequilibrium");
  const rows = openHeartbeat({ length: 20, period: 5, count: 500, seed: 10_000 });
  const chain = nonequilibriumChain(recipe.config, dataShape(rows), 0);
  const open = openStage(chain, averagedWeights(trained.checkpoint), { threads: 1 });
  const { total, standardError } = await chain.bound({ images: rows.images }, open.evaluate, new Streams(1));
  await open.close();
  expect(total).toBeLessThan(PUBLISHED);
  expect(total).toBeGreaterThan(Math.log2(5) - 4 * standardError);
});

it("heartbeat-nonequilibrium: nearly all samples are perfect, of every phase", async () => {
  let rows: string[] = [];
  for await (const { x } of trained.sample({ count: 500, seed: 20_000 }))
    rows = x.split().map(({ data }) => data.join());
  const truth = new Set(
    openHeartbeat({ length: 20, period: 5, count: 100, seed: 0 })
      .images.split()
      .map(({ data }) => data.join()),
  );
  expect(truth.size).toBe(5);
  // A model within 0.1 bits of the truth gives at most a share 1 − 2^−0.1 = 7% of its probability to anything else.
  expect(rows.filter((row) => truth.has(row)).length / rows.length).toBeGreaterThan(0.93);
  expect(new Set(rows.filter((row) => truth.has(row))).size).toBe(5);
});

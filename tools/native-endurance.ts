// Trains a small U-Net of the digits on the native engine for many steps, and fails if the process's memory goes on
// growing:
//   node --import ./tools/typescript.mjs --conditions=undiffuse-source tools/native-endurance.ts [steps] [threads]
//
// Held-out losses, previews and checkpoints are made twice in the first tenth of the steps, which reserves their
// memory; growth is counted after it. What JavaScript leaves to be collected comes and goes, by tens of megabytes, so
// the least of the first five samples is compared with the least of the last five. Of what a step makes anew the
// smallest are a batch's images and noise, 8 kB each: were one of them kept, it would add 41 MB in the 5,000 steps
// that lie between at least. The limit is half of that.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDataset } from "../src/data/index.ts";
import { parseRecipe, stagesOf } from "../src/systems/index.ts";
import { dataShape, train } from "../src/train/index.ts";
import { tinyRecipe } from "../test/tiny-recipe.ts";

const LIMIT_MB = 20;
const SAMPLES = 20;
/** Samples of which the least counts. */
const TOGETHER = 5;

const [steps = 10_000, threads = 2] = process.argv.slice(2).map(Number);
const every = steps / SAMPLES;
const settled = 2 * every;

const recipe = parseRecipe<unknown>(
  tinyRecipe({ steps, checkpointEvery: every, heldOutEvery: every, previewEvery: every }),
  "endurance",
);

/** Megabytes of memory after every so many steps. */
const sampled = async (folder: string): Promise<number[]> => {
  const dataset = await openDataset(recipe.data);
  const [stage] = stagesOf(recipe, dataShape(dataset));
  if (!stage) throw new Error("the system has no stage");
  const { training, sampling } = recipe;
  const job = { folder, stage, dataset, training, sampling, recipe, resume: false, threads } as const;
  const found: number[] = [];
  for await (const event of train({ ...job, backend: "native" })) {
    if (event.kind === "skipped") throw new Error(`step ${event.step} was skipped`);
    if (event.kind !== "step" || event.step % every !== 0) continue;
    found.push(process.memoryUsage.rss() / 1e6);
    console.log(`step ${event.step}: ${found.at(-1)?.toFixed(0)} MB`);
  }
  return found;
};

const folder = await mkdtemp(join(tmpdir(), "undiffuse-endurance-"));
try {
  const found = await sampled(join(folder, "run"));
  const after = found.slice(settled / every - 1);
  const [first, last] = [after.slice(0, TOGETHER), after.slice(-TOGETHER)].map((part) => Math.min(...part));
  const growth = (last as number) - (first as number);
  console.log(`growth after step ${settled}: ${growth.toFixed(1)} MB; the limit is ${LIMIT_MB} MB`);
  process.exitCode = growth > LIMIT_MB ? 1 : 0;
} finally {
  await rm(folder, { recursive: true });
}

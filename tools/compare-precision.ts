// Trains a recipe in fp32 and in bf16 with the same seeds, on the native engine, and compares the held-out losses after
// the last step. A seed decides initial weights, batches, noise and which images are held out, so that the two runs of
// a seed differ in precision alone. The rule, fixed before any run: bf16 is as good if the mean difference over the
// seeds is at most the range of fp32's losses over them.
//   npm run build:native && node --import ./tools/typescript.mjs --conditions=undiffuse-source \
//     tools/compare-precision.ts RECIPE [--seeds 0,1,2] [--steps n] [--threads n] [--out folder]
// Runs stay in the folder (runs/precision); started again, it goes on from there. Ends with 1 where the rule fails.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openRecipe } from "../src/cli/recipe-source.ts";
import { openDataset } from "../src/data/index.ts";
import type { Precision } from "../src/lower/index.ts";
import { stagesOf } from "../src/systems/index.ts";
import {
  dataShape,
  type HeldOutResult,
  listCheckpoints,
  readMetrics,
  runFolder,
  train,
} from "../src/train/index.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: "string", default: "0,1,2" },
    steps: { type: "string" },
    threads: { type: "string" },
    out: { type: "string", default: "runs/precision" },
  },
});
const number = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text);
const [word = "digits"] = positionals;
const seeds = values.seeds.split(",").map(Number);

/** Trains, or goes on; gives the held-out loss after the last step. */
const heldOutLoss = async (precision: Precision, seed: number): Promise<number> => {
  const changes = { data: undefined, size: undefined, classes: undefined, batch: undefined };
  const { recipe } = await openRecipe(word, { ...changes, seed, steps: number(values.steps) });
  const dataset = await openDataset(recipe.data);
  const [stage] = stagesOf(recipe, dataShape(dataset));
  if (!stage) throw new Error(`${recipe.system} has no stage`);
  const folder = join(values.out, `${recipe.name}-${precision}-${seed}`);
  const { training, sampling } = recipe;
  const resume = (await listCheckpoints(runFolder(folder).checkpoints)).length > 0;
  const options = { resume, threads: number(values.threads), backend: "native", precision } as const;
  for await (const event of train({ folder, stage, dataset, training, sampling, recipe, ...options }))
    if (event.kind === "heldOut" || event.kind === "finished")
      console.error(
        `${folder}: ${"mean" in event ? `step ${event.step}, ${event.mean.toFixed(4)}` : "done"}`,
      );
  const metrics = await readMetrics(runFolder(folder));
  const last = metrics.findLast(({ step, heldOut }) => step === training.steps && heldOut !== undefined);
  if (!last) throw new Error(`${folder} has measured no held-out loss after its last step`);
  return (last.heldOut as HeldOutResult).mean;
};

const mean = (list: readonly number[]): number => list.reduce((sum, each) => sum + each, 0) / list.length;

console.log("| seed | fp32 | bf16 | difference |\n|---|---|---|---|");
const rows: { readonly fp32: number; readonly bf16: number }[] = [];
for (const seed of seeds) {
  const row = { fp32: await heldOutLoss("fp32", seed), bf16: await heldOutLoss("bf16", seed) };
  rows.push(row);
  const cells = [row.fp32, row.bf16, row.bf16 - row.fp32].map((loss) => loss.toFixed(5));
  console.log(`| ${[seed, ...cells].join(" | ")} |`);
}
const difference = mean(rows.map(({ fp32, bf16 }) => bf16 - fp32));
const losses = rows.map(({ fp32 }) => fp32);
const range = Math.max(...losses) - Math.min(...losses);
const holds = difference <= range;
console.log(
  `\nMean difference ${difference.toFixed(5)}, range of fp32 over the seeds ${range.toFixed(5)}: ${holds ? "as good" : "worse"}.`,
);
if (!holds) process.exitCode = 1;

// Trains a packaged recipe, unless its run is there, and judges it: docs/results/<recipe>.json and the first grid of
// seed 0, docs/pictures/<recipe>.png. From all of them `npm run docs:systems` writes docs/systems.md.
//   node --import ./tools/typescript.mjs --conditions=undiffuse-source tools/measure-recipe.ts RECIPE
//     [--features classifiers/digits.safetensors] [--count 1000] [--seed 5000] [--threads 1] [--precision fp32] [--runs runs]
// Pictures are compared over a classifier of `undiffuse classifier`, points by energy distance, learned chains by bound.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, readFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type CountedModel, openCounted } from "../src/cli/speed.ts";
import { writeWhole } from "../src/formats/index.ts";
import { shapeOf, stageFolder, stagesOf, type Trained } from "../src/systems/index.ts";
import { newestCheckpoint, parameterCount, runFolder } from "../src/train/index.ts";
import { chainFigures } from "./measure/learned-chain.ts";
import { pointFigures } from "./measure/points.ts";
import { picturesFolder, type Result, resultSchema, resultsFolder } from "./measure/results.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    features: { type: "string", default: "classifiers/digits.safetensors" },
    count: { type: "string", default: "1000" },
    seed: { type: "string", default: "5000" },
    threads: { type: "string", default: "1" },
    precision: { type: "string", default: "fp32" },
    runs: { type: "string", default: "runs" },
  },
});
const [name = ""] = positionals;
const threads = Number(values.threads);
const run = join(values.runs, name);

const cli = (...words: readonly string[]): void => {
  const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
  execFileSync(process.execPath, [...process.execArgv, main, ...words], { stdio: "inherit" });
};
const place = ["--threads", values.threads];

/** How large a model is, and what its training took. */
const costs = async ({ recipe, checkpoint }: Trained): Promise<Pick<Result, "parameters" | "training">> => {
  const stages = stagesOf(recipe, shapeOf(checkpoint.header));
  const parameters: Record<string, number> = {};
  let [steps, seconds] = [0, 0];
  for (const stage of stages) {
    const { checkpoints } = runFolder(stageFolder(run, stages, stage));
    const { checkpoint } = await newestCheckpoint(checkpoints);
    if (!checkpoint) throw new Error(`no checkpoint in ${checkpoints}`);
    steps += checkpoint.header.step;
    seconds += checkpoint.header.seconds;
    for (const [network, module] of Object.entries(stage.networks))
      parameters[stages.length === 1 ? network : `${stage.name} ${network}`] = parameterCount({ module });
  }
  return { parameters, training: { steps, seconds: Math.round(seconds), threads } };
};

type Judged = Pick<Result, "speed" | "network" | "figures" | "sampling">;

/** What `undiffuse evaluate` says of pictures. */
const judgePictures = async (): Promise<Judged> => {
  const { features, count, seed } = values;
  cli("evaluate", run, "--features", features, "--count", count, "--seed", seed, "--batch", "50", ...place);
  const { speed, network, figures, sampling } = JSON.parse(
    await readFile(join(run, "evaluation", "evaluation.json"), "utf8"),
  );
  return { speed, network: network.name, figures, sampling: JSON.parse(sampling) };
};

/** Energy distances of points, bounds of learned chains. */
const judgeRows = async (trained: CountedModel): Promise<Judged> => {
  const started = performance.now();
  for await (const _ of trained.sample({ count: 1000, seed: Number(values.seed) }));
  const seconds = (performance.now() - started) / 1000;
  const evaluations = trained.evaluations();
  const points = trained.checkpoint.header.form === "points" ? await pointFigures(trained) : [];
  return {
    speed: { imagesPerSecond: 1000 / seconds, evaluations },
    network: null,
    figures: [...points, ...(await chainFigures(trained))],
    sampling: trained.recipe.sampling,
  };
};

cli(
  "train",
  name,
  "-o",
  run,
  "--precision",
  values.precision,
  ...place,
  ...(existsSync(run) ? ["--resume"] : []),
);
cli("sample", run, "--scale", "3", ...place);
const trained = await openCounted(run, { threads });
const pictures = trained.checkpoint.header.form === "pictures";
const result: Result = {
  recipe: name,
  measured: new Date().toISOString().slice(0, 10),
  machine: `${cpus()[0]?.model}, Node.js ${process.version}`,
  command: `tools/measure-recipe.ts ${process.argv.slice(2).join(" ")}`,
  ...(await costs(trained)),
  ...(pictures ? await judgePictures() : await judgeRows(trained)),
};
await trained.close();
await copyFile(join(run, "samples", "grid.png"), join(picturesFolder, `${name}.png`));
const json = `${JSON.stringify(resultSchema.parse(result), null, 2)}\n`;
await writeWhole(join(resultsFolder, `${name}.json`), new TextEncoder().encode(json));
console.log(json);

// What conditioning augmentation does for a cascade: the super-resolution of a run of digits-cascade, trained again without
// augmentation and with blur, each from the base of the run; samples of the same seeds are judged by a classifier of the
// larger size, and enlarged held-out images by PSNR and SSIM beside the codec's bicubic:
//   node --import ./tools/typescript.mjs --conditions=undiffuse-source src/cli/main.ts classifier digits --size 32 -o digits-32
//   node --import ./tools/typescript.mjs --conditions=undiffuse-source bench/cascade.ts runs/digits-cascade digits-32 500
// Prints two tables and writes the first forty of each to RUN/augmentation/.
import { join } from "node:path";
import { NDArray, Streams } from "../src/base/index.ts";
import { forms, openDataset, split, toPixels, toUnit } from "../src/data/index.ts";
import { evaluate, meanEstimate, openFeatureNetwork, psnr, ssim } from "../src/evaluation/index.ts";
import { encodePng, makeFolder, resizeImages, writeWhole } from "../src/formats/index.ts";
import { parseRecipe, type Recipe, samplingOf, stagesOf, trainingOf } from "../src/systems/index.ts";
import { reduced } from "../src/systems/pixel-squares.ts";
import {
  averagedWeights,
  dataShape,
  type EarlierStage,
  newestCheckpoint,
  type OpenStage,
  openStage,
  runFolder,
  type Stage,
  train,
} from "../src/train/index.ts";

const [run = "runs/digits-cascade", features = "digits-32", words = "500"] = process.argv.slice(2);
/** Images at once, and held-out images that are enlarged. */
const [BATCH, ENLARGED] = [50, 200];
/** Of the first sample. */
const SEED = 5000;
const options = { threads: 1, backend: "native" } as const;

const newest = async (folder: string) => {
  const { checkpoint } = await newestCheckpoint(runFolder(folder).checkpoints);
  if (!checkpoint) throw new Error(`no checkpoint in ${folder}`);
  return checkpoint;
};

const checkpoint = await newest(join(run, "super-32"));
const own = parseRecipe<unknown>(checkpoint.header.recipe, run);
if (own.system !== "cascade") throw new Error("expected a run of digits-cascade");
const dataset = await openDataset(own.data);
const heldOut = split(dataset, own.training.heldOut, new Streams(own.training.seed).get("held-out images"));
const network = await openFeatureNetwork(features, options);
const count = Number(words);
const labels = Array.from({ length: count }, (_, k) => k % 10);

/** The run's recipe with another augmentation of what super-resolution sees. */
const augmented = (augmentation: object): Recipe => {
  const superResolution = own.config.superResolution.map((each) => ({ ...each, augmentation }));
  return parseRecipe<unknown>({ ...own, config: { ...own.config, superResolution } }, "variant");
};
const stagesIn = (recipe: Recipe): [base: Stage, larger: Stage] =>
  stagesOf(recipe, dataShape(dataset)) as [Stage, Stage];

/** Super-resolution trained so, or as it was trained before. */
const trained = async (name: string, recipe: Recipe): Promise<OpenStage> => {
  const [, stage] = stagesIn(recipe);
  const folder = name === "run" ? join(run, stage.name) : join(`${run}-${name}`, stage.name);
  const there = (await newestCheckpoint(runFolder(folder).checkpoints)).checkpoint !== null;
  const training = { ...trainingOf(recipe, stage), previewEvery: 100_000 };
  const job = { folder, stage, earlier: { base }, dataset, training, recipe, ...options };
  if (name !== "run") for await (const _ of train({ ...job, sampling: recipe.sampling, resume: there }));
  return openStage(stage, averagedWeights(await newest(folder)), { earlier: { base }, ...options });
};

/** The base of the run; what it generates for a seed it generates once. */
const openBase = async (): Promise<EarlierStage> => {
  const [stage] = stagesIn(own);
  const open = openStage(stage, averagedWeights(await newest(join(run, "base"))), options);
  const made = new Map<number, NDArray>();
  return {
    evaluate: open.evaluate,
    async *generate(request) {
      for await (const { x } of made.has(request.seed) ? [] : open.generate(request))
        made.set(request.seed, x);
      const x = made.get(request.seed) as NDArray;
      yield { index: 0, total: 1, x, denoised: x };
    },
  };
};
const base = await openBase();

const generated = async (open: OpenStage, augmentation: number): Promise<NDArray[]> => {
  const sampling = samplingOf(own, { augmentation });
  const parts: NDArray[] = [];
  for (let start = 0; start < count; start += BATCH) {
    const request = {
      seed: SEED + start,
      count: BATCH,
      labels: labels.slice(start, start + BATCH),
      sampling,
    };
    let last: NDArray | undefined;
    for await (const { x } of open.generate(request)) last = x;
    if (last) parts.push(last);
  }
  return parts;
};

/** Held-out images made from their own fewer pixels. */
const enlarged = async (open: OpenStage): Promise<NDArray> => {
  const image = toUnit(heldOut.heldOut.images.rows(0, ENLARGED));
  const request = {
    ...{ seed: SEED, count: ENLARGED, start: { kind: "image", image, strength: 1 } as const },
    labels: [...(heldOut.heldOut.labels?.rows(0, ENLARGED).data ?? [])],
    sampling: samplingOf(own, { augmentation: 0, guidance: 1 }),
  };
  let last = image;
  for await (const { x } of open.generate(request)) last = x;
  return toPixels(last);
};

const show = (value: number, interval: readonly [number, number] | null, digits: number): string =>
  `${value.toFixed(digits)}${interval ? ` (${interval.map((each) => each.toFixed(digits)).join(" to ")})` : ""}`;

const variants: readonly (readonly [name: string, recipe: Recipe, levels: readonly number[]])[] = [
  ["none", augmented({ kind: "noise", most: 0 }), [0]],
  ["run", own, [0, 0.1, 0.2]],
  ["blur", augmented({ kind: "blur", most: 0.6 }), [0, 0.3]],
];
const fidelity: string[] = [];
const fidelityOf = (name: string, images: NDArray): void => {
  const original = heldOut.heldOut.images.rows(0, ENLARGED);
  const [decibels, similarity] = [psnr, ssim].map((measure, i) => {
    const { value, interval } = meanEstimate([...measure(images, original)], new Streams(0).get(String(i)));
    return show(value, interval, i === 0 ? 2 : 4);
  });
  fidelity.push(`| ${name} | ${decibels} | ${similarity} |`);
};

await makeFolder(join(run, "augmentation"));
const wanted = ["Fréchet distance", "precision", "recall over", "share read as"];
console.log(`${count} samples of seeds from ${SEED}, over ${network.name}`);
console.log(
  "| trained with | level in sampling | Fréchet distance | precision | recall | read as asked for |",
);
console.log("|---|---|---|---|---|---|");
for (const [name, recipe, levels] of variants) {
  const open = await trained(name, recipe);
  for (const level of levels) {
    const parts = await generated(open, level);
    const samples = toPixels(NDArray.concat(parts));
    const found = await evaluate({
      ...{ samples, labels, network, seed: 0 },
      ...{ training: heldOut.train, heldOut: heldOut.heldOut },
    });
    const cells = wanted.map((start) => {
      const figure = found.figures.find((each) => each.name.startsWith(start));
      return figure ? show(figure.value, figure.interval, 3) : "";
    });
    console.log(`| ${name === "run" ? "noise" : name} | ${level} | ${cells.join(" | ")} |`);
    const grid = await forms.pictures.draw((parts[0] as NDArray).rows(0, 40), { columns: 10, scale: 3 });
    await writeWhole(join(run, "augmentation", `${name}-${level}.png`), await encodePng(grid));
  }
  fidelityOf(`super-resolution, ${name === "run" ? "noise" : name}`, await enlarged(open));
  await open.close();
}

const small = toPixels(reduced(toUnit(heldOut.heldOut.images.rows(0, ENLARGED)), own.config.base.size));
for (const filter of ["bicubic", "bilinear"] as const)
  fidelityOf(filter, await resizeImages(small, dataset.images.shape[2] as number, filter));
console.log(`\n${ENLARGED} held-out images from ${own.config.base.size} pixels a side`);
console.log("| by | PSNR, dB | SSIM |\n|---|---|---|");
console.log(fidelity.join("\n"));
await network.close();

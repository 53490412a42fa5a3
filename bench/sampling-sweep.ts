// How samples of a run change with the way of sampling, judged by a network of undiffuse classifier:
//   node --import ./tools/typescript.mjs --conditions=undiffuse-source bench/sampling-sweep.ts \
//     runs/digits-adm classifiers/digits.safetensors out 500 '{"classifierScale":0}' '{"classifierScale":4}'
// Changes of the recipe's sampling as JSON; each makes so many images of seeds from 0 on, their classes in turn, and
// compares them with as many of the run's images, at even distances. Prints a line of a table for each, with the middle
// 95% of 200 resamplings (of the samples; for recall of the images), and writes the first forty to out/<line>.png.
import { join } from "node:path";
import { Generator, NDArray } from "../src/base/index.ts";
import { forms, openDataset, selectImages, toPixels } from "../src/data/index.ts";
import { type Estimate, manifold, meanEstimate, openFeatureNetwork } from "../src/evaluation/index.ts";
import { encodePng, makeFolder, writeWhole } from "../src/formats/index.ts";
import { openTrained, samplingOf } from "../src/systems/index.ts";

/** Images at once. */
const BATCH = 50;
const options = { threads: 1, backend: "native" } as const;

const [run = "", features = "", out = "", words = "", ...changes] = process.argv.slice(2);
const count = Number(words);
const model = await openTrained(run, options);
const dataset = await openDataset(model.recipe.data);
const network = await openFeatureNetwork(features, options);
const classes = dataset.classes?.length ?? 1;
const labels = Array.from({ length: count }, (_, k) => k % classes);
const stride = (dataset.images.shape[0] as number) / count;
const some = selectImages(
  dataset,
  labels.map((_, k) => Math.floor(k * stride)),
);
const reference = await network.extract(some.images);
await makeFolder(out);

const percent = ({ value, interval }: Estimate): string =>
  `${[value, ...(interval ?? [])].map((each) => (100 * each).toFixed(1)).join(" ")}`.replace(
    /^(\S+) (\S+) (\S+)$/,
    "$1% ($2 to $3)",
  );

const sampled = async (sampling: ReturnType<typeof samplingOf>): Promise<NDArray> => {
  const images: NDArray[] = [];
  for (let seed = 0; seed < count; seed += BATCH) {
    const part = labels.slice(seed, seed + BATCH);
    let last: NDArray | undefined;
    for await (const { x } of model.sample({ seed, count: part.length, labels: part, sampling })) last = x;
    if (last) images.push(last);
  }
  return NDArray.concat(images);
};

const read = (found: Int32Array | null, wanted: ArrayLike<number>): number[] =>
  Array.from(found ?? [], (label, k) => Number(label === wanted[k]));

const own = meanEstimate(read(reference.read, some.labels?.data ?? []), new Generator(0));
console.log(`| sampling | read as asked for (of the images ${percent(own)}) | precision | recall |`);
console.log("|---|---|---|---|");
for (const [line, change] of changes.entries()) {
  const images = await sampled(samplingOf(model.recipe, JSON.parse(change)));
  const { features, read: found } = await network.extract(toPixels(images));
  const { precision, recall } = await manifold(features, reference.features);
  const figures = [read(found, labels), precision, recall].map((each) =>
    meanEstimate(each, new Generator(0)),
  );
  console.log(`| \`${change}\` | ${figures.map(percent).join(" | ")} |`);
  const grid = await forms[dataset.form].draw(images.rows(0, Math.min(40, count)), {
    columns: classes,
    scale: 4,
  });
  await writeWhole(join(out, `${line}.png`), await encodePng(grid));
}
await network.close();
await model.close();

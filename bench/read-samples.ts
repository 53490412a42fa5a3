// How well a classifier that was trained on the real images reads the samples of a run with classes:
//   node --import ./tools/typescript.mjs --conditions=undiffuse-source bench/read-samples.ts runs/digits [seed]
// The classifier learns from nine tenths of the run's images, is tested on the last tenth, and then reads
// 500 samples, the classes in turn, from consecutive seeds.
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Generator, NDArray, Streams } from "../src/base/index.ts";
import { type Dataset, openDataset, split, toUnit } from "../src/data/index.ts";
import { conv2d, groupNorm, linear } from "../src/nn/index.ts";
import { openTrained } from "../src/systems/index.ts";
import { softmax, type Tensor } from "../src/tensor/index.ts";
import {
  type Batch,
  type BatchProgram,
  newestCheckpoint,
  openEvaluate,
  type Program,
  runFolder,
  type Stage,
  train,
  trainingSchema,
  weightsOf,
} from "../src/train/index.ts";

/** Images at once. */
const BATCH = 100;
const SAMPLES = 500;

type Size = readonly [c: number, h: number, w: number];

const classifier = (random: Generator, [c, h, w]: Size, classes: number) => {
  const norm = (channels: number) => groupNorm(channels, { groups: 4, eps: 1e-5, silu: true });
  const conv1 = conv2d(random, c, 16, { kernel: 3, padding: 1 });
  const conv2 = conv2d(random, 16, 32, { kernel: 3, stride: 2, padding: 1 });
  const conv3 = conv2d(random, 32, 32, { kernel: 3, stride: 2, padding: 1 });
  const [norm1, norm2, norm3] = [norm(16), norm(32), norm(32)];
  const head = linear(random, 32 * Math.ceil(h / 4) * Math.ceil(w / 4), classes);
  return {
    ...{ conv1, conv2, conv3, norm1, norm2, norm3, head },
    forward(images: Tensor): Tensor {
      const one = norm1.forward(conv1.forward(images));
      const two = norm2.forward(conv2.forward(one));
      const three = norm3.forward(conv3.forward(two));
      return softmax(head.forward(three.reshape([images.shape[0] as number, -1])));
    },
  };
};

const oneHot = (labels: ArrayLike<number>, classes: number): NDArray => {
  const rows = NDArray.zeros([labels.length, classes]);
  for (let i = 0; i < labels.length; i++) rows.data[i * classes + (labels[i] as number)] = 1;
  return rows;
};

const stageOf = (net: ReturnType<typeof classifier>, size: Size, classes: number): Stage => {
  const program = (n: number): Program => ({
    inputs: { images: { shape: [n, ...size] }, wanted: { shape: [n, classes] } },
    outputs: ({ images, wanted }) => ({
      losses: net
        .forward(images as Tensor)
        .mul(wanted as Tensor)
        .sum([1])
        .add(1e-7)
        .log()
        .neg(),
    }),
  });
  const draw = ({ images, labels }: Batch) => ({ images, wanted: oneHot(labels?.data ?? [], classes) });
  const update = { name: "cross-entropy", trains: ["net"], every: 1, program, draw };
  return { name: "classifier", networks: { net }, updates: [update], async *generate() {} };
};

/** Trains a reader; gives what reads images [n, c, h, w] in [-1, 1] as class indices. */
const trainReader = async (dataset: Dataset) => {
  const size = dataset.images.shape.slice(1) as unknown as Size;
  const classes = dataset.classes?.length ?? 0;
  const net = classifier(new Generator(1), size, classes);
  const folder = join(await mkdtemp(join(tmpdir(), "undiffuse-reader-")), "run");
  const learningRate = { peak: 2e-3, warmup: 50, decay: "cosine" };
  const training = trainingSchema.parse({
    steps: 1200,
    batch: 64,
    heldOut: 0.1,
    learningRate,
    checkpointEvery: 1200,
  });
  const job = {
    folder,
    stage: stageOf(net, size, classes),
    dataset,
    training,
    sampling: null,
    recipe: {},
    resume: false,
  };
  for await (const event of train(job))
    if (event.kind === "step" && event.step % 300 === 0) console.log(event.losses);
  const { checkpoint } = await newestCheckpoint(runFolder(folder).checkpoints);
  if (!checkpoint) throw new Error("the classifier left no checkpoint");
  const { evaluate, close } = openEvaluate({ net }, weightsOf(checkpoint, "ema"));
  const program: BatchProgram = (n) => ({
    inputs: { images: { shape: [n, ...size] } },
    outputs: ({ images }) => ({ chances: net.forward(images as Tensor) }),
  });
  const read = async (images: NDArray): Promise<number[]> => {
    const count = images.shape[0] as number;
    const found: number[] = [];
    for (let start = 0; start < count; start += BATCH) {
      const part = images.rows(start, Math.min(start + BATCH, count));
      const { chances } = await evaluate(program, { images: part });
      for (let i = 0; i < (part.shape[0] as number); i++) {
        const row = [...(chances as NDArray).row(i).data];
        found.push(row.indexOf(Math.max(...row)));
      }
    }
    return found;
  };
  return { training, read, close };
};

const share = (read: readonly number[], wanted: ArrayLike<number>): number =>
  read.filter((label, i) => label === wanted[i]).length / read.length;

const percent = (fraction: number): string => `${(100 * fraction).toFixed(1)}%`;

const [folder = "runs/digits", seed = "1000"] = process.argv.slice(2);
const model = await openTrained(folder);
const dataset = await openDataset(model.recipe.data);
const classes = dataset.classes ?? [];
const { training, read, close } = await trainReader(dataset);
const { heldOut } = split(dataset, training.heldOut, new Streams(training.seed).get("held-out images"));
const real = await read(toUnit(heldOut.images));
console.log(
  `real images held out: ${percent(share(real, heldOut.labels?.data ?? []))} of ${real.length} read as their class`,
);

const labels = Array.from({ length: SAMPLES }, (_, k) => k % classes.length);
const images: NDArray[] = [];
for (let start = 0; start < SAMPLES; start += 50) {
  const request = { seed: Number(seed) + start, count: 50, labels: labels.slice(start, start + 50) };
  for await (const { index, total, x } of model.sample(request)) if (index + 1 === total) images.push(x);
}
const sampled = await read(NDArray.concat(images));
console.log(
  `samples of ${folder}, step ${model.checkpoint.header.step}: ${percent(share(sampled, labels))} of ${SAMPLES}`,
);
classes.forEach((name, label) => {
  const own = sampled.filter((_, i) => labels[i] === label);
  const right = own.filter((found) => found === label).length;
  console.log(`  ${name}: ${percent(right / own.length)}`);
});
await model.close();
await close();

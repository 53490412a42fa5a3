// How well a classifier that was trained on real digits reads the samples of a run:
//   node --import ./tools/typescript.mjs --conditions=undiffuse-source bench/read-digits.ts runs/digits [seed]
// The classifier learns from nine tenths of the packaged digits, is tested on the last tenth, and then reads
// 500 samples, fifty of each class, from consecutive seeds.
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Generator, NDArray, Streams } from "../src/base/index.ts";
import { openDigits, split, toUnit } from "../src/data/index.ts";
import { conv2d, groupNorm, linear } from "../src/nn/index.ts";
import { openTrained } from "../src/systems/index.ts";
import { softmax, type Tensor } from "../src/tensor/index.ts";
import {
  type Batch,
  newestCheckpoint,
  openEvaluate,
  type Program,
  runFolder,
  type Stage,
  train,
  trainingSchema,
  weightsOf,
} from "../src/train/index.ts";

const CLASSES = 10;
const SAMPLES = 500;

const classifier = (random: Generator) => {
  const norm = (channels: number) => groupNorm(channels, { groups: 4, eps: 1e-5, silu: true });
  const conv1 = conv2d(random, 1, 16, { kernel: 3, padding: 1 });
  const conv2 = conv2d(random, 16, 32, { kernel: 3, stride: 2, padding: 1 });
  const conv3 = conv2d(random, 32, 32, { kernel: 3, stride: 2, padding: 1 });
  const [norm1, norm2, norm3] = [norm(16), norm(32), norm(32)];
  const head = linear(random, 32 * 4 * 4, CLASSES);
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

const oneHot = (labels: ArrayLike<number>): NDArray => {
  const rows = NDArray.zeros([labels.length, CLASSES]);
  for (let i = 0; i < labels.length; i++) rows.data[i * CLASSES + (labels[i] as number)] = 1;
  return rows;
};

const stageOf = (net: ReturnType<typeof classifier>): Stage => {
  const program = (n: number): Program => ({
    inputs: { images: { shape: [n, 1, 16, 16] }, wanted: { shape: [n, CLASSES] } },
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
  const draw = ({ images, labels }: Batch) => ({ images, wanted: oneHot(labels?.data ?? []) });
  const update = { name: "cross-entropy", trains: ["net"], every: 1, program, draw };
  return { name: "classifier", networks: { net }, updates: [update], async *generate() {} };
};

/** Trains a reader; gives what reads images [n, 1, 16, 16] in [-1, 1] as class indices, and its held-out accuracy. */
const trainReader = async () => {
  const dataset = await openDigits(16);
  const net = classifier(new Generator(1));
  const folder = join(await mkdtemp(join(tmpdir(), "undiffuse-reader-")), "run");
  const learningRate = { peak: 2e-3, warmup: 50, decay: "cosine" };
  const training = trainingSchema.parse({
    steps: 1200,
    batch: 64,
    heldOut: 0.1,
    learningRate,
    checkpointEvery: 1200,
  });
  const job = { folder, stage: stageOf(net), dataset, training, sampling: null, recipe: {}, resume: false };
  for await (const event of train(job))
    if (event.kind === "step" && event.step % 300 === 0) console.log(event.losses);
  const { checkpoint } = await newestCheckpoint(runFolder(folder).checkpoints);
  if (!checkpoint) throw new Error("the classifier left no checkpoint");
  const { evaluate, close } = openEvaluate({ net }, weightsOf(checkpoint, "ema"));
  const program: Program = {
    inputs: { images: { shape: [100, 1, 16, 16] } },
    outputs: ({ images }) => ({ chances: net.forward(images as Tensor) }),
  };
  const read = async (images: NDArray): Promise<number[]> => {
    const found: number[] = [];
    for (let start = 0; start < (images.shape[0] as number); start += 100) {
      const { chances } = await evaluate(program, { images: images.rows(start, start + 100) });
      for (let i = 0; i < 100; i++) {
        const row = [...(chances as NDArray).row(i).data];
        found.push(row.indexOf(Math.max(...row)));
      }
    }
    return found;
  };
  return { dataset, training, read, close };
};

const share = (read: readonly number[], wanted: ArrayLike<number>): number =>
  read.filter((label, i) => label === wanted[i]).length / read.length;

const [folder = "runs/digits", seed = "1000"] = process.argv.slice(2);
const { dataset, training, read, close } = await trainReader();
const { heldOut } = split(dataset, training.heldOut, new Streams(training.seed).get("held-out images"));
const real = await read(toUnit(heldOut.images));
console.log(
  `real digits held out: ${(100 * share(real, heldOut.labels?.data ?? [])).toFixed(1)}% of ${real.length}`,
);

const model = await openTrained(folder);
const labels = Array.from({ length: SAMPLES }, (_, k) => k % CLASSES);
const images: NDArray[] = [];
for (let start = 0; start < SAMPLES; start += 50) {
  const request = { seed: Number(seed) + start, count: 50, labels: labels.slice(start, start + 50) };
  for await (const { index, total, x } of model.sample(request)) if (index + 1 === total) images.push(x);
}
const sampled = await read(NDArray.concat(images));
console.log(
  `samples of ${folder}: ${(100 * share(sampled, labels)).toFixed(1)}% of ${SAMPLES} read as their class`,
);
for (let digit = 0; digit < CLASSES; digit++) {
  const own = sampled.filter((_, i) => labels[i] === digit);
  console.log(
    `  ${digit}: ${(
      100 *
        share(
          own,
          own.map(() => digit),
        )
    ).toFixed(0)}%`,
  );
}
await model.close();
await close();

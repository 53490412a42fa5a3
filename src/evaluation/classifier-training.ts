import { z } from "zod";
import { ArgumentError, NDArray, NonFiniteError, Streams } from "../base/index.ts";
import { Batches, type Dataset, split } from "../data/index.ts";
import { lower } from "../lower/index.ts";
import { type Classifier, classifier, classifierSchema } from "../models/index.ts";
import { loadState, parameters } from "../nn/index.ts";
import {
  flatLayout,
  learningRateAt,
  learningRateSchema,
  openLearner,
  optimizerSchema,
  packed,
  viewsOf,
} from "../optim/index.ts";
import { type Backend, deviceOf, trainTarget } from "../runtime/index.ts";
import { type Graph, gradients, logSoftmax, simplify, type Tensor, trace } from "../tensor/index.ts";

const count = z.int().positive();

/** How a classifier is trained: what {@link trainClassifier} does again for the same data. */
export const classifierTrainingSchema = z.strictObject({
  /** Of initial weights, of what is held out and of the order of images. */
  seed: z.int().nonnegative().default(0),
  steps: count.default(1200),
  batch: count.default(64),
  network: classifierSchema.omit({ image: true, classes: true }).prefault({}),
  optimizer: optimizerSchema.prefault({ kind: "adamw", weightDecay: 0.05 }),
  learningRate: learningRateSchema.prefault({ peak: 2e-3, warmup: 50, decay: "cosine" }),
  /** Largest global gradient norm. */
  clip: z.number().positive().default(1),
  /** Largest decay of the weights' moving average. */
  ema: z.number().min(0).lt(1).default(0.99),
  /** Mirror images left to right at random. */
  flip: z.boolean().default(false),
  /** Fraction of the images that it is tested on. */
  heldOut: z.number().positive().max(0.5).default(0.1),
});
export type ClassifierTraining = z.output<typeof classifierTrainingSchema>;

/** What a training is and came to. */
export interface TrainedClassifier {
  readonly net: Classifier;
  /** Those that it was not trained on. */
  readonly heldOut: Dataset;
}

export interface TrainClassifierOptions {
  readonly training: ClassifierTraining;
  readonly threads?: number | undefined;
  readonly backend?: Backend | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told after each step, which counts from 1. */
  readonly onStep?: ((step: number, loss: number) => void) | undefined;
}

/**
 * Trains a classifier on images with classes, by cross-entropy. Same data, training and backend: same weights.
 * @throws ArgumentError for images without classes
 * @throws NonFiniteError when a loss or gradient is not finite
 * @throws the signal's reason once it is aborted
 */
export const trainClassifier = async (
  dataset: Dataset,
  { training, threads, backend, signal, onStep }: TrainClassifierOptions,
): Promise<TrainedClassifier> => {
  const { seed, steps, batch, optimizer, clip } = training;
  const { classes, labels } = dataset;
  if (!classes || !labels || classes.length < 2)
    throw new ArgumentError({
      who: "trainClassifier",
      expected: "images of two classes or more",
      got: classes
        ? `${classes.length} ${classes.length === 1 ? "class" : "classes"}`
        : "images without classes",
    });
  const streams = new Streams(seed);
  const parts = split(dataset, training.heldOut, streams.get("held-out images"));
  const [c = 0, h = 0, w = 0] = dataset.images.shape.slice(1);
  const net = classifier(
    { ...training.network, image: [c, h, w], classes: classes.length },
    streams.get("weights"),
  );
  const layout = flatLayout(parameters(net));
  const model = lower(stepGraph(net, batch), { target: await trainTarget(backend) });
  const initial = new Map([...parameters(net)].map(([name, { value }]) => [name, value]));
  const learner = await openLearner({
    layout,
    updates: [{ model, entries: [0, layout.entries.length], optimizer, clip }],
    emaDecay: training.ema,
    state: { parameters: packed(layout, initial) },
    device: deviceOf(backend),
    ...(threads && { threads }),
  });
  try {
    const batches = new Batches({
      dataset: parts.train,
      batch,
      flip: training.flip,
      order: streams.get("data order"),
      flips: streams.get("flips"),
      crops: streams.get("crops"),
    });
    for (let step = 0; step < steps; step++) {
      signal?.throwIfAborted();
      const { images, labels: drawn } = batches.next();
      const feeds = [{ images, wanted: oneHot(drawn?.data ?? [], classes.length) }];
      const learningRate = learningRateAt(training.learningRate, step, steps);
      const { loss, applied } = await learner.call("step", { update: 0, feeds, learningRate });
      if (!applied)
        throw new NonFiniteError({
          who: `classifier, step ${step + 1}`,
          expected: "a finite loss and gradient",
          got: String(loss),
          hint: "lower learningRate.peak",
        });
      onStep?.(step + 1, loss);
    }
    const { ema } = await learner.call("state");
    const views = Object.entries(viewsOf(layout, ema));
    loadState(net, new Map(views.map(([name, view]) => [name, NDArray.from(view)])));
    return { net, heldOut: parts.heldOut };
  } finally {
    await learner.terminate();
  }
};

/** Mean cross-entropy of a batch, and its gradients. */
const stepGraph = (net: Classifier, batch: number): Graph => {
  const { image, classes } = net.config;
  const learned = parameters(net);
  const { inputs, outputs } = trace(
    { images: { shape: [batch, ...image] }, wanted: { shape: [batch, classes] } },
    ({ images, wanted }) => ({ loss: crossEntropy(net.forward(images).logits, wanted) }),
    learned,
  );
  const loss = outputs.get("loss") as Tensor;
  const found = gradients(loss, [...learned.values()]);
  const named = [...learned.keys()].map((name, i) => [`gradient.${name}`, found[i] as Tensor] as const);
  return simplify({ inputs, outputs: new Map([["loss", loss], ...named]) });
};

/** −Σ wanted · log softmax(logits), on average over rows. */
const crossEntropy = (logits: Tensor, wanted: Tensor): Tensor =>
  logSoftmax(logits).mul(wanted).sum([1]).mean().neg();

/** Rows [n, classes] with 1 at each label. */
const oneHot = (labels: ArrayLike<number>, classes: number): NDArray => {
  const rows = NDArray.zeros([labels.length, classes]);
  for (let i = 0; i < labels.length; i++) rows.data[i * classes + (labels[i] as number)] = 1;
  return rows;
};

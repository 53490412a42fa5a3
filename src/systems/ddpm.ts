import { z } from "zod";
import { ArgumentError, imageGenerators, NDArray, parseAs, Streams } from "../base/index.ts";
import {
  type Denoiser,
  diffusionProcess,
  type Guidable,
  guided,
  networkDenoiser,
  qSample,
  scheduleSchema,
  simpleLoss,
} from "../diffusion/index.ts";
import { unet2d, unet2dFields, unet2dSchema } from "../models/index.ts";
import type { DropoutMasks } from "../nn/index.ts";
import { begin, openSampler, sample, samplerSchema } from "../samplers/index.ts";
import { type Named, type Spec, type Tensor, vjp } from "../tensor/index.ts";
import {
  type Batch,
  type BatchProgram,
  type DataShape,
  defineSystem,
  type Evaluate,
  type Frame,
  type GenerateRequest,
  type Program,
  type Stage,
} from "../train/index.ts";

const configSchema = z.strictObject({
  schedule: scheduleSchema.prefault({ beta_schedule: "linear" }),
  /** diffusers' UNet2DModel; sizes, channels and classes come from the data. */
  network: unet2dFields.omit({
    sample_size: true,
    in_channels: true,
    out_channels: true,
    num_class_embeds: true,
    class_embed_type: true,
  }),
  /** Whether the classes of the images guide the network. */
  conditioning: z
    .discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("none") }),
      z.strictObject({
        kind: z.literal("class"),
        /** How often the class is left out, so that the network also learns to do without it. */
        labelDropout: z.number().min(0).lt(1).default(0.1),
      }),
    ])
    .default({ kind: "none" }),
});
type Config = z.output<typeof configSchema>;

const samplingSchema = z.strictObject({
  sampler: samplerSchema.prefault({ kind: "ddim" }),
  /** Classifier-free guidance: eps = u + guidance · (c − u); 1 leaves the conditional estimate as it is. */
  guidance: z.number().nonnegative().default(1),
  /** How much of the conditional estimate's contrast is given back to the guided one. */
  rescale: z.number().min(0).max(1).default(0),
  /** The range of σ / α in which to guide. */
  interval: z.tuple([z.number().nonnegative(), z.number().positive()]).optional(),
  /** The class to be led away from, in place of no class; also of images that are of no class. */
  negative: z.int().nonnegative().optional(),
});
type Sampling = z.output<typeof samplingSchema>;

/** Fractions of the timesteps at which the held-out loss is measured. */
const HELD_OUT = [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];

/**
 * Denoising diffusion probabilistic models (Ho, Jain and Abbeel 2020): a network learns to tell the noise
 * in x_t = α x_0 + σ ε (algorithm 1), and images are made by taking it away step by step (algorithm 2).
 * Classes are left out at random in training (Ho and Salimans 2022), so that sampling can be guided.
 */
export const ddpm = defineSystem({
  name: "ddpm",
  summary: "Denoising diffusion probabilistic models (Ho, Jain and Abbeel 2020)",
  config: configSchema,
  sampling: samplingSchema,
  stages: (config, data, seed) => [ddpmStage(config, data, seed)],
});

const ddpmStage = (config: Config, { image, classes }: DataShape, seed: number): Stage<Sampling> => {
  const process = diffusionProcess(config.schedule);
  const label = labelling(config, classes);
  const sizes = { sample_size: image.slice(1), in_channels: image[0], out_channels: image[0] };
  const network = unet2d(
    parseAs(
      unet2dSchema,
      { ...config.network, ...sizes, num_class_embeds: label.embeddings },
      { who: "config.network", expected: "a U-Net for these images" },
    ),
    new Streams(seed).get("weights"),
  );
  const inputs = (n: number): Record<string, Spec> => ({
    x: { shape: [n, ...image] },
    t: { shape: [n] },
    ...(label.embeddings && { labels: { shape: [n], dtype: "int32" as const } }),
  });

  /** eps: what the network takes for noise in x at timestep t. */
  const predict = (feeds: Named<Tensor>, x: Tensor, dropout?: DropoutMasks): Tensor =>
    network.forward(x, feeds.t as Tensor, { classLabels: feeds.labels, masks: dropout });

  /** Algorithm 1, lines 2 to 5: the loss of images noised to random levels. */
  const loss = (n: number): Program => ({
    inputs: {
      ...inputs(n),
      eps: { shape: [n, ...image] },
      alpha: { shape: [n, 1, 1, 1] },
      sigma: { shape: [n, 1, 1, 1] },
    },
    outputs(feeds, dropout) {
      const { x, eps, alpha, sigma } = feeds as { x: Tensor; eps: Tensor; alpha: Tensor; sigma: Tensor };
      return { losses: simpleLoss(eps, predict(feeds, qSample(x, eps, { alpha, sigma }), dropout)) };
    },
  });

  const noised = ({ images, labels }: Batch, timesteps: NDArray, random: Streams): Named<NDArray> => {
    const levels = Array.from(timesteps.data, (t) => process.level(t));
    const spread = (values: readonly number[]) => NDArray.of(values, [values.length, 1, 1, 1]);
    return {
      x: images,
      t: timesteps.cast("float32"),
      eps: random.get("noise").normal(images.shape),
      alpha: spread(levels.map(({ alpha }) => alpha)),
      sigma: spread(levels.map(({ sigma }) => sigma)),
      ...(labels && label.embeddings && { labels }),
    };
  };

  const prediction: BatchProgram = (n) => ({
    inputs: inputs(n),
    outputs: (feeds) => ({ eps: predict(feeds, feeds.x as Tensor) }),
  });

  /** vᵀ ∂eps/∂x for each image. */
  const pulled: BatchProgram = (n) => ({
    inputs: { ...inputs(n), v: { shape: [n, ...image] } },
    outputs(feeds) {
      const x = feeds.x as Tensor;
      const [product] = vjp(predict(feeds, x), [x], feeds.v as Tensor);
      return { product: product as Tensor };
    },
  });

  /** The network without guidance, which has a density; with a pullback through x0 = (x − σ eps) / α. */
  const densityDenoiser = (labels: readonly number[] | undefined, evaluate: Evaluate): Denoiser => {
    const plain = networkDenoiser(
      async (x, t) => (await evaluate(prediction, feedsAt(x, t, labels))).eps as NDArray,
    );
    return async (x, level) => ({
      ...(await plain(x, level)),
      pullback: async (v) => {
        const { product } = await evaluate(pulled, { ...feedsAt(x, level.t, labels), v });
        return NDArray.combine([1 / level.alpha, v], [-level.sigma / level.alpha, product as NDArray]);
      },
    });
  };

  /** x at timestep t of images of these classes, or of none in particular. */
  const feedsAt = (x: NDArray, t: number, labels: readonly number[] | undefined): Named<NDArray> => {
    const n = x.shape[0] as number;
    const classes = labels ?? Array.from({ length: n }, () => label.none);
    return {
      x,
      t: NDArray.full([n], t),
      ...(label.embeddings && { labels: NDArray.of(classes, [n], "int32") }),
    };
  };

  /** The network as a denoiser: of the classes alone, or steered towards them. */
  const denoiserOf = (request: GenerateRequest<Sampling>, evaluate: Evaluate): Denoiser => {
    const { guidance: scale, rescale, interval, negative } = request.sampling;
    const all = (value: number): number[] => Array.from({ length: request.count }, () => value);
    const run = async (x: NDArray, t: number, classes: readonly number[]): Promise<NDArray> =>
      (await evaluate(prediction, feedsAt(x, t, classes))).eps as NDArray;
    const of = (classes: readonly number[]): Denoiser => networkDenoiser((x, t) => run(x, t, classes));
    if (!label.embeddings) requireNoGuidance(request.sampling);
    else requireClasses(request, label.none);
    // Without classes there is nothing to be led to, though there may be one to be led away from.
    if (!label.embeddings || (!request.labels && negative === undefined)) return of(all(label.none));
    const labels = request.labels ?? all(label.none);
    const others = all(negative ?? label.none);
    const both: Guidable["both"] = async (x, level) => {
      const n = labels.length;
      const eps = await run(NDArray.concat([x, x]), level.t, [...labels, ...others]);
      const half = (start: number) => networkDenoiser(async () => eps.rows(start, start + n))(x, level);
      return [await half(0), await half(n)];
    };
    return guided({ conditional: of(labels), unconditional: of(others), both }, { scale, rescale, interval });
  };

  return {
    name: "ddpm",
    conditional: label.embeddings !== null,
    networks: { unet: network },
    updates: [
      {
        name: "loss",
        trains: ["unet"],
        every: 1,
        program: loss,
        draw(batch, random) {
          const n = batch.images.shape[0] as number;
          const timesteps = random.get("time").integers(0, process.steps, [n]);
          return noised(label.drop(batch, random), timesteps, random);
        },
      },
    ],
    heldOut: {
      points: HELD_OUT.map((fraction) => Math.round(fraction * (process.steps - 1))),
      program: loss,
      draw(batch, point, random) {
        const n = batch.images.shape[0] as number;
        return noised(batch, NDArray.full([n], point, "int32"), random);
      },
    },
    async *generate(request, evaluate): AsyncGenerator<Frame, void> {
      const { seed, count, sampling, signal, start = { kind: "noise" } } = request;
      const generators = imageGenerators(seed, count);
      const { sampler, levels, limit, churn } = openSampler(sampling.sampler, process);
      yield* sample({
        ...begin(start, { levels, sampler, generators, shape: image, seed }),
        denoiser: limit(denoiserOf(request, evaluate)),
        sampler,
        churn,
        signal,
      });
    },
    density: (labels, evaluate) => ({ process, denoiser: densityDenoiser(labels, evaluate) }),
  };
};

/** @throws ArgumentError when a model without a condition is to be guided by one */
const requireNoGuidance = ({ guidance, rescale, interval, negative }: Sampling): void => {
  const asked = [
    negative !== undefined && "a negative class",
    guidance !== 1 && `a scale of ${guidance}`,
    rescale > 0 && `a rescale of ${rescale}`,
    interval && "an interval",
  ].find(Boolean);
  if (!asked) return;
  throw new ArgumentError({
    who: "guidance",
    expected: "a model with classes",
    got: `${asked} for one without`,
  });
};

/** @throws ArgumentError unless there is one class an image, and each is one that the model knows */
const requireClasses = ({ labels, count, sampling }: GenerateRequest<Sampling>, classes: number): void => {
  if (labels && labels.length !== count)
    throw new ArgumentError({
      who: "labels",
      expected: `${count}, one an image`,
      got: String(labels.length),
    });
  const known = (index: number) => Number.isInteger(index) && index >= 0 && index < classes;
  const { negative } = sampling;
  const unknown = [...(labels ?? []), ...(negative === undefined ? [] : [negative])].find(
    (index) => !known(index),
  );
  if (unknown === undefined) return;
  throw new ArgumentError({
    who: unknown === negative ? "negative" : "labels",
    expected: `classes from 0 to ${classes - 1}`,
    got: String(unknown),
  });
};

/** How classes reach the network: how many embeddings it has, and which one stands for "no class". */
const labelling = ({ conditioning }: Config, classes: number | null) => {
  if (conditioning.kind === "none") return { embeddings: null, none: 0, drop: (batch: Batch) => batch };
  if (classes === null)
    throw new ArgumentError({
      who: "conditioning",
      expected: "images with classes",
      got: "images without",
      hint: 'set data.classes to "folders", or conditioning.kind to "none"',
    });
  return {
    embeddings: classes + 1,
    none: classes,
    drop({ images, labels }: Batch, random: Streams): Batch {
      const n = images.shape[0] as number;
      const chance = random.get("labels").uniform([n]).data;
      const kept = Array.from(labels?.data ?? [], (name, i) =>
        (chance[i] as number) < conditioning.labelDropout ? classes : name,
      );
      return { images, labels: NDArray.of(kept, [n], "int32") };
    },
  };
};

import { z } from "zod";
import { type Generator, imageGenerators, NDArray, type Streams } from "../base/index.ts";
import {
  type Level,
  type NetworkOptions,
  type NoiseProcess,
  networkDenoiser,
  qSample,
  type ReverseVariance,
} from "../diffusion/index.ts";
import type { DropoutMasks } from "../nn/index.ts";
import { begin, type MeanGuidance, openSampler, sample } from "../samplers/index.ts";
import { type Named, type Spec, split, type Tensor, vjp } from "../tensor/index.ts";
import type {
  Batch,
  BatchProgram,
  DataShape,
  Earlier,
  Evaluate,
  GenerateRequest,
  Program,
  Stage,
} from "../train/index.ts";
import type { Beside } from "./beside.ts";
import { type Conditioning, classLabels, conditioningSchema } from "./class-labels.ts";
import {
  type DenoisingNetworkConfig,
  denoisingNetwork,
  denoisingNetworkSchema,
  toldBy,
} from "./denoising-network.ts";
import type { LossParts, Objective } from "./denoising-objective.ts";
import { type ConditionedNetwork, type GuidedSampling, guidedDenoiser } from "./guided-sampling.ts";
import type { WeightedTimes } from "./weighted-times.ts";

/** The configuration that all denoising systems share, beside fields of a system's own. */
export const denoisingConfig = <F extends z.ZodRawShape>(fields: F) =>
  z.strictObject({ ...fields, network: denoisingNetworkSchema, conditioning: conditioningSchema });

/** What tells one denoising system from another. */
export interface DenoisingEquations<S extends GuidedSampling = GuidedSampling> {
  readonly name: string;
  /** x = α(t) x0 + σ(t) ε. */
  readonly process: NoiseProcess;
  /** What the network's output means. */
  readonly reading: NetworkOptions;
  /** What it is trained to say. */
  readonly objective: Objective;
  /** n times of the process to train at, as likely as they count; or more likely ones that count less. */
  readonly times: ((n: number, random: Generator) => ArrayLike<number>) | WeightedTimes;
  /** The times at which the held-out loss is measured. */
  readonly heldOut: readonly number[];
  /** Clean images and the noise that belongs to each, where they are not the data with any noise. */
  readonly pairs?: (batch: Batch, random: Streams, earlier: Earlier) => Promise<Pairs>;
  /** Of the reverse chain, where the network learns it. */
  readonly variance?: ReverseVariance;
  /** What else the network is shown. */
  readonly beside?: Beside<S>;
  /** What leads its samples to their classes, beside the network itself; nothing for some requests. */
  readonly classifier?: (request: GenerateRequest<S>, earlier: Earlier) => MeanGuidance | undefined;
}

/** Arrays [n, c, h, w]. */
export interface Pairs {
  readonly x0: NDArray;
  readonly eps: NDArray;
}

export interface DenoisingParts {
  readonly config: { readonly network: DenoisingNetworkConfig; readonly conditioning: Conditioning };
  /** What is noised. */
  readonly data: DataShape;
  /** Of the initial weights. */
  readonly seed: number;
}

/**
 * A stage whose network learns to see through the noise of x = α x0 + σ ε, and that makes images by taking the noise
 * away step by step. Classes are left out at random in training (Ho and Salimans 2022), so that sampling can be guided.
 */
export const denoisingStage = <S extends GuidedSampling>(
  equations: DenoisingEquations<S>,
  { config, data, seed }: DenoisingParts,
): Stage<S> => {
  const { process, times, heldOut, variance, beside, classifier } = equations;
  const { image } = data;
  const reading = { ...equations.reading, told: toldBy(config.network, process) };
  const labels = classLabels(config.conditioning, data.classes);
  const [channels] = image;
  const outChannels = reading.learnsVariance ? 2 * channels : channels;
  const sizes = { data, inChannels: channels, outChannels, classes: labels.embeddings };
  const { kind = "unet" } = config.network;
  const network = beside?.network(labels.embeddings) ?? denoisingNetwork(config.network, sizes, seed);
  const predict = (feeds: Named<Tensor>, x: Tensor, masks?: DropoutMasks): Tensor =>
    network.forward(x, feeds.t as Tensor, { classLabels: feeds.labels, masks, feeds });
  const inputs = (n: number): Record<string, Spec> => ({
    x: { shape: [n, ...image] },
    t: { shape: [n] },
    ...(labels.embeddings && { labels: { shape: [n], dtype: "int32" as const } }),
    ...beside?.inputs(n),
  });

  const weighted = typeof times === "function" ? null : times;
  const coefficients = coefficientsOf(equations);
  /** The loss of images noised to random levels (Ho et al. 2020, algorithm 1, lines 2 to 5). */
  const loss = (n: number): Program => ({
    inputs: {
      ...inputs(n),
      eps: { shape: [n, ...image] },
      ...Object.fromEntries(Object.keys(coefficients).map((name) => [name, { shape: [n, 1, 1, 1] }])),
      ...(weighted && { importance: { shape: [n] } }),
    },
    outputs(feeds, masks) {
      const { x: x0, eps, alpha, sigma, scale } = feeds as Named<Tensor> & Omit<LossParts, "output">;
      const x = qSample(x0, eps, { alpha, sigma });
      const output = predict(feeds, scale ? x.mul(scale) : x, masks);
      const losses = equations.objective.loss({ x0, eps, x, alpha, sigma, output }, feeds);
      return { losses: feeds.importance ? losses.mul(feeds.importance) : losses };
    },
  });
  const pairs = equations.pairs ?? noisePairs;
  const noised = async (
    batch: Batch,
    at: ArrayLike<number>,
    { random, earlier }: { readonly random: Streams; readonly earlier: Earlier },
  ): Promise<Named<NDArray>> => {
    const levels = Array.from(at, (time) => process.level(time));
    const n = levels.length;
    const { x0, eps } = await pairs(batch, random, earlier);
    return {
      x: x0,
      t: NDArray.of(levels.map(reading.told), [n]),
      eps,
      ...Object.fromEntries(
        Object.entries(coefficients).map(([name, of]) => [name, NDArray.of(levels.map(of), [n, 1, 1, 1])]),
      ),
      ...(batch.labels && labels.embeddings && { labels: batch.labels }),
      ...beside?.training(batch, random),
    };
  };

  const prediction: BatchProgram = (n) => ({
    inputs: inputs(n),
    outputs: (feeds) => ({ output: predict(feeds, feeds.x as Tensor) }),
  });
  const told = (x: NDArray, t: number, classes: readonly number[]): Named<NDArray> => {
    const n = classes.length;
    const known = labels.embeddings && { labels: NDArray.of(classes, [n], "int32") };
    return { x, t: NDArray.full([n], t), ...known };
  };
  const conditioned = (evaluate: Evaluate, shown: Named<NDArray> = {}): ConditionedNetwork => ({
    labels,
    reading,
    async run(x, t, classes) {
      const feeds = { ...told(x, t, classes), ...repeated(shown, classes.length) };
      return (await evaluate(prediction, feeds)).output as NDArray;
    },
  });
  /** vᵀ ∂output/∂x, of what is said of the variance nothing. */
  const pulled: BatchProgram = (n) => ({
    inputs: { ...inputs(n), v: { shape: [n, ...image] } },
    outputs(feeds) {
      const x = feeds.x as Tensor;
      const output = predict(feeds, x);
      const said = reading.learnsVariance ? split(output, 2, 1)[0] : output;
      return { product: vjp(said as Tensor, [x], feeds.v as Tensor)[0] as Tensor };
    },
  });

  return {
    name: equations.name,
    conditional: labels.embeddings !== null || classifier !== undefined,
    networks: { [kind]: network, ...(weighted && { times: weighted.memory }) },
    updates: [
      {
        name: "loss",
        trains: [kind],
        program: loss,
        async draw(batch, random, earlier) {
          const n = batch.images.shape[0] as number;
          const at = weighted ? weighted.draw(n, random.get("time")) : null;
          const chosen = at?.times ?? (times as Exclude<typeof times, WeightedTimes>)(n, random.get("time"));
          const feeds = await noised(labels.drop(batch, random), chosen, { random, earlier });
          return at ? { ...feeds, importance: at.importance } : feeds;
        },
        ...(weighted && { seen: weighted.seen }),
      },
    ],
    heldOut: {
      points: heldOut,
      program: loss,
      async draw(batch, point, random, earlier) {
        const n = batch.images.shape[0] as number;
        const feeds = await noised(batch, Array<number>(n).fill(point), { random, earlier });
        return weighted ? { ...feeds, importance: NDArray.full([n], 1) } : feeds;
      },
    },
    async *generate(request, evaluate, earlier) {
      const { count, sampling, signal, start = { kind: "noise" } } = request;
      const generators = imageGenerators(request.seed, count);
      const guidance = classifier?.(request, earlier);
      const { sampler, levels, limit, churn } = openSampler(sampling.sampler, process, guidance);
      const begun = begin(start, { levels, sampler, generators, shape: image, seed: request.seed });
      const steps = begun.levels.length - 1 - (begun.begin ?? 0);
      const shown = beside ? yield* beside.sampling(request, earlier, steps) : { feeds: {}, frames: 0 };
      const denoiser = limit(guidedDenoiser(request, conditioned(evaluate, shown.feeds)));
      for await (const { index, total, ...frame } of sample({ ...begun, denoiser, sampler, churn, signal }))
        yield { index: shown.frames + index, total: shown.frames + total, ...frame };
    },
    // What is shown is generated, and of that the density is not known.
    ...(!beside && {
      density(classes: readonly number[] | undefined, evaluate: Evaluate) {
        const { run } = conditioned(evaluate);
        const all = (n: number) => classes ?? Array<number>(n).fill(labels.none);
        const pullback = async (x: NDArray, t: number, v: NDArray) => {
          const n = x.shape[0] as number;
          return (await evaluate(pulled, { ...told(x, t, all(n)), v })).product as NDArray;
        };
        const plain = (x: NDArray, t: number) => run(x, t, all(x.shape[0] as number));
        return { process, variance, denoiser: networkDenoiser(plain, { ...reading, pullback }) };
      },
    }),
  };
};

/** Rows over and over until there are n: guidance asks of every sample twice. */
const repeated = (arrays: Named<NDArray>, n: number): Named<NDArray> =>
  Object.fromEntries(
    Object.entries(arrays).map(([name, array]) => [
      name,
      NDArray.concat(Array<NDArray>(n / (array.shape[0] as number)).fill(array)),
    ]),
  );

/** The data, with noise that is drawn for them. */
const noisePairs = async ({ images }: Batch, random: Streams): Promise<Pairs> => ({
  x0: images,
  eps: random.get("noise").normal(images.shape),
});

/** Numbers of a level that the loss is fed, [n, 1, 1, 1] each. */
const coefficientsOf = ({
  reading: { inputScale },
  objective,
}: Pick<DenoisingEquations, "reading" | "objective">): Readonly<
  Record<string, (level: Level) => number>
> => ({
  alpha: ({ alpha }) => alpha,
  sigma: ({ sigma }) => sigma,
  ...(inputScale && { scale: inputScale }),
  ...objective.coefficients,
});

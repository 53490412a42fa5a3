import { z } from "zod";
import { type Generator, imageGenerators, NDArray, type Streams } from "../base/index.ts";
import { type Level, type NetworkOptions, type NoiseProcess, qSample } from "../diffusion/index.ts";
import type { DropoutMasks } from "../nn/index.ts";
import { begin, type MeanGuidance, openSampler, sample } from "../samplers/index.ts";
import type { Named, Spec, Tensor } from "../tensor/index.ts";
import type {
  Batch,
  BatchProgram,
  DataShape,
  Earlier,
  Evaluate,
  Frame,
  GenerateRequest,
  Program,
  Stage,
} from "../train/index.ts";
import { type Conditioning, classLabels, conditioningSchema } from "./class-labels.ts";
import {
  type DenoisingNetwork,
  type DenoisingNetworkConfig,
  denoisingNetwork,
  denoisingNetworkSchema,
} from "./denoising-network.ts";
import type { LossParts, Objective } from "./denoising-objective.ts";
import { type ConditionedNetwork, type GuidedSampling, guidedDenoiser } from "./guided-sampling.ts";

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
  /** n times of the process to train at. */
  readonly times: (n: number, random: Generator) => ArrayLike<number>;
  /** The times at which the held-out loss is measured. */
  readonly heldOut: readonly number[];
  /** What else the network is shown. */
  readonly beside?: Beside<S>;
  /** What leads its samples to their classes, beside the network itself; nothing for some requests. */
  readonly classifier?: (request: GenerateRequest<S>, earlier: Earlier) => MeanGuidance | undefined;
}

/** What a network is shown beside x, time and class. */
export interface Beside<S extends GuidedSampling = GuidedSampling> {
  /** Which sees it among the feeds of its programs; takes `classes` rows of classes, null for none. */
  readonly network: (classes: number | null) => DenoisingNetwork;
  readonly inputs: (n: number) => Readonly<Record<string, Spec>>;
  /** Of a batch of training. */
  readonly training: (batch: Batch, random: Streams) => Named<NDArray>;
  /** Of samples to make, after the frames, if any, of what makes it; `steps` more are to follow. */
  readonly sampling: (
    request: GenerateRequest<S>,
    earlier: Earlier,
    steps: number,
  ) => AsyncGenerator<Frame, Shown>;
}

/** What a network is shown when it makes samples. */
export interface Shown {
  readonly feeds: Named<NDArray>;
  /** How many frames its making had. */
  readonly frames: number;
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
  const { process, reading, times, heldOut, beside, classifier } = equations;
  const { image } = data;
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

  const coefficients = coefficientsOf(equations);
  /** The loss of images noised to random levels (Ho et al. 2020, algorithm 1, lines 2 to 5). */
  const loss = (n: number): Program => ({
    inputs: {
      ...inputs(n),
      eps: { shape: [n, ...image] },
      ...Object.fromEntries(Object.keys(coefficients).map((name) => [name, { shape: [n, 1, 1, 1] }])),
    },
    outputs(feeds, masks) {
      const { x: x0, eps, alpha, sigma, scale } = feeds as Named<Tensor> & Omit<LossParts, "output">;
      const x = qSample(x0, eps, { alpha, sigma });
      const output = predict(feeds, scale ? x.mul(scale) : x, masks);
      return { losses: equations.objective.loss({ x0, eps, x, alpha, sigma, output }, feeds) };
    },
  });
  const noised = (batch: Batch, at: ArrayLike<number>, random: Streams): Named<NDArray> => {
    const levels = Array.from(at, (time) => process.level(time));
    const n = levels.length;
    return {
      x: batch.images,
      t: NDArray.of(
        levels.map(({ t }) => t),
        [n],
      ),
      eps: random.get("noise").normal(batch.images.shape),
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
  const conditioned = (evaluate: Evaluate, shown: Named<NDArray>): ConditionedNetwork => ({
    labels,
    reading,
    async run(x, t, classes) {
      const n = classes.length;
      const told = labels.embeddings && { labels: NDArray.of(classes, [n], "int32") };
      const feeds = { x, t: NDArray.full([n], t), ...told, ...repeated(shown, n) };
      return (await evaluate(prediction, feeds)).output as NDArray;
    },
  });

  return {
    name: equations.name,
    conditional: labels.embeddings !== null || classifier !== undefined,
    networks: { [kind]: network },
    updates: [
      {
        name: "loss",
        trains: [kind],
        every: 1,
        program: loss,
        draw(batch, random) {
          const at = times(batch.images.shape[0] as number, random.get("time"));
          return noised(labels.drop(batch, random), at, random);
        },
      },
    ],
    heldOut: {
      points: heldOut,
      program: loss,
      draw: (batch, point, random) =>
        noised(batch, Array<number>(batch.images.shape[0] as number).fill(point), random),
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

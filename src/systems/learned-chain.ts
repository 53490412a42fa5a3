import { ArgumentError, imageGenerators, NDArray, type Streams } from "../base/index.ts";
import {
  type ChainBound,
  chainBound,
  factorsAt,
  type KernelNetwork,
  type ReverseKernel,
  saidIn,
} from "../diffusion/index.ts";
import { reverseChain } from "../samplers/index.ts";
import { type Named, type Spec, split, type Tensor } from "../tensor/index.ts";
import type { Batch, BatchProgram, Evaluate, Stage } from "../train/index.ts";
import { classLabels, requireLabels } from "./class-labels.ts";
import type { DenoisingParts } from "./denoising.ts";
import { denoisingNetwork } from "./denoising-network.ts";

/** Of the learned steps, at which the held-out loss is measured. */
const HELD_OUT = Array.from({ length: 20 }, (_, k) => k / 19);

/** A stage whose model is a chain, and states its bound. */
export interface LearnedChain extends Stage {
  /** The bound on −log₂ p of a batch, every term of it. */
  bound(batch: Batch, evaluate: Evaluate, random: Streams): Promise<ChainBound>;
}

/**
 * A stage whose network says all parameters of every step back along a chain, and is trained by the variational bound,
 * of which each sample of a batch draws a term. The chain is the model: it has no other sampler.
 */
export const learnedChain = (kernel: ReverseKernel, { config, data, seed }: DenoisingParts): LearnedChain => {
  const { parameters, first, steps } = kernel;
  const { image } = data;
  const [channels] = image;
  const labels = classLabels(config.conditioning, data.classes);
  const { kind = "unet" } = config.network;
  const sizes = {
    data,
    inChannels: channels,
    outChannels: parameters * channels,
    classes: labels.embeddings,
  };
  const network = denoisingNetwork(config.network, sizes, seed);
  const inputs = (n: number): Record<string, Spec> => ({
    x: { shape: [n, ...image] },
    t: { shape: [n] },
    ...(labels.embeddings && { labels: { shape: [n], dtype: "int32" as const } }),
  });

  /** A term of the bound in bits a coordinate, times the number of terms. */
  const term: BatchProgram = (n) => ({
    inputs: {
      ...inputs(n),
      x0: { shape: [n, ...image] },
      ...Object.fromEntries(
        Object.keys(kernel.factors(first)).map((name) => [name, { shape: [n, 1, 1, 1] }]),
      ),
    },
    outputs(feeds, masks) {
      const { x, x0, t } = feeds as { readonly [K in "x" | "x0" | "t"]: Tensor };
      const output = network.forward(x, t, { classLabels: feeds.labels, masks });
      const parts = { x0, x, said: split(output, parameters, 1) };
      const nats = kernel.divergence(parts, feeds as Named<Tensor>).mean([1, 2, 3]);
      return { losses: nats.mul((steps - first) / Math.LN2) };
    },
  });
  const noised = (batch: Batch, times: readonly number[], random: Streams): Named<NDArray> => {
    const factors = factorsAt(kernel, times);
    return {
      x0: batch.images,
      x: kernel.noised(batch.images, factors, random.get("noise")),
      t: NDArray.of(times),
      ...factors,
      ...(batch.labels && labels.embeddings && { labels: batch.labels }),
    };
  };

  const speaking: BatchProgram = (n) => ({
    inputs: inputs(n),
    outputs: ({ x, t, labels: classLabels }) => ({
      output: network.forward(x as Tensor, t as Tensor, { classLabels }),
    }),
  });
  const told =
    (evaluate: Evaluate, classes: NDArray | undefined): KernelNetwork =>
    async (x, t) => {
      const at = { x, t: NDArray.full([x.shape[0] ?? 0], t) };
      const { output } = await evaluate(
        speaking,
        classes && labels.embeddings ? { ...at, labels: classes } : at,
      );
      return saidIn(output as NDArray, parameters);
    };

  return {
    name: "chain",
    conditional: labels.embeddings !== null,
    networks: { [kind]: network },
    updates: [
      {
        name: "bound",
        trains: [kind],
        program: term,
        draw(batch, random) {
          const times = random.get("time").integers(first, steps, [batch.images.shape[0] as number]);
          return noised(labels.drop(batch, random), [...times.data], random);
        },
      },
    ],
    heldOut: {
      points: [...new Set(HELD_OUT.map((share) => first + Math.round(share * (steps - 1 - first))))],
      program: term,
      draw: (batch, point, random) =>
        noised(batch, Array<number>(batch.images.shape[0] as number).fill(point), random),
    },
    async *generate({ seed, count, labels: asked, start = { kind: "noise" }, signal }, evaluate) {
      if (start.kind !== "noise")
        throw new ArgumentError({ who: "chain", expected: "noise to begin with", got: start.kind });
      if (labels.embeddings) requireLabels({ labels: asked, count }, labels.none);
      const classes = NDArray.of(asked ?? Array<number>(count).fill(labels.none), [count], "int32");
      const generators = imageGenerators(seed, count);
      yield* reverseChain({ kernel, network: told(evaluate, classes), generators, shape: image, signal });
    },
    bound: ({ images, labels: classes }, evaluate, random) =>
      chainBound(images, { kernel, network: told(evaluate, classes), generator: random.get("noise") }),
  };
};

import { z } from "zod";
import { ArgumentError, imageGenerators, NDArray, type Streams } from "../base/index.ts";
import {
  binomialKernel,
  binomialProcess,
  diffusionProcess,
  factorsAt,
  gaussianKernel,
  type KernelNetwork,
  type ReverseKernel,
  saidIn,
  scheduleSchema,
} from "../diffusion/index.ts";
import { reverseChain } from "../samplers/index.ts";
import { type Named, type Spec, split, type Tensor } from "../tensor/index.ts";
import {
  type Batch,
  type BatchProgram,
  type DataShape,
  defineSystem,
  type Evaluate,
  type GenerateRequest,
} from "../train/index.ts";
import { classLabels, requireLabels } from "./class-labels.ts";
import { denoisingConfig } from "./denoising.ts";
import { denoisingNetwork } from "./denoising-network.ts";

/** The families of distributions that a chain back may be of. */
const diffusionSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("gaussian"),
    schedule: scheduleSchema.prefault({ num_train_timesteps: 40, beta_start: 1e-3, beta_end: 0.45 }),
  }),
  z.strictObject({
    kind: z.literal("binomial"),
    steps: z.int().positive().default(2000),
    /** How often a bit that is drawn anew is 1. */
    rate: z.number().gt(0).lt(1).default(0.5),
  }),
]);

/** @throws ArgumentError for a family that does not fit the data */
const kernelOf = (
  diffusion: z.output<typeof diffusionSchema>,
  { form = "pictures" }: DataShape,
): ReverseKernel => {
  if (diffusion.kind === "gaussian") return gaussianKernel(diffusionProcess(diffusion.schedule));
  if (form === "bits") return binomialKernel(binomialProcess(diffusion));
  throw new ArgumentError({
    who: "config.diffusion",
    expected: "bits, for binomial diffusion",
    got: form,
    hint: 'set config.diffusion.kind to "gaussian"',
  });
};

/** Of the learned steps, at which the held-out loss is measured. */
const HELD_OUT = Array.from({ length: 20 }, (_, k) => k / 19);

/**
 * Diffusion probabilistic models (Sohl-Dickstein et al. 2015): a network gives all parameters of every step
 * p(x_{t−1} | x_t) back along a chain of noise, mean and variance or bit rates, and is trained by the variational
 * bound, of which each batch draws terms (section 2.4).
 */
export const nonequilibrium = defineSystem({
  name: "nonequilibrium",
  summary: "Deep unsupervised learning using nonequilibrium thermodynamics (Sohl-Dickstein et al. 2015)",
  config: denoisingConfig({ diffusion: diffusionSchema }),
  /** The chain is the model: there is nothing to choose. */
  sampling: z.strictObject({}),
  stages(config, data, seed) {
    const kernel = kernelOf(config.diffusion, data);
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
    const factorNames = Object.keys(kernel.factors(first));

    /** A term of the bound in bits per coordinate, times the number of terms. */
    const term: BatchProgram = (n) => ({
      inputs: {
        ...inputs(n),
        x0: { shape: [n, ...image] },
        ...Object.fromEntries(factorNames.map((name) => [name, { shape: [n, 1, 1, 1] }])),
      },
      outputs(feeds, masks) {
        const { x, x0, t, labels: classLabels } = feeds as Named<Tensor> & Record<"x" | "x0" | "t", Tensor>;
        const said = split(network.forward(x, t, { classLabels, masks }), parameters, 1);
        const nats = kernel.divergence({ x0, x, said }, feeds).mean([1, 2, 3]);
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

    const said: BatchProgram = (n) => ({
      inputs: inputs(n),
      outputs: ({ x, t, labels: classLabels }) => ({
        output: network.forward(x as Tensor, t as Tensor, { classLabels }),
      }),
    });
    const told = (evaluate: Evaluate, { count, labels: asked }: GenerateRequest<object>): KernelNetwork => {
      if (labels.embeddings) requireLabels({ labels: asked, count }, labels.none);
      const classes = asked ?? Array.from({ length: count }, () => labels.none);
      const condition = labels.embeddings && { labels: NDArray.of(classes, [count], "int32") };
      return async (x, t) => {
        const { output } = await evaluate(said, { x, t: NDArray.full([count], t), ...condition });
        return saidIn(output as NDArray, parameters);
      };
    };

    return [
      {
        name: "nonequilibrium",
        conditional: labels.embeddings !== null,
        networks: { [kind]: network },
        updates: [
          {
            name: "bound",
            trains: [kind],
            every: 1,
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
        async *generate(request, evaluate) {
          const { seed, count, start = { kind: "noise" }, signal } = request;
          if (start.kind !== "noise")
            throw new ArgumentError({
              who: "nonequilibrium",
              expected: "a start from noise",
              got: start.kind,
            });
          const generators = imageGenerators(seed, count);
          yield* reverseChain({ kernel, network: told(evaluate, request), generators, shape: image, signal });
        },
      },
    ];
  },
});

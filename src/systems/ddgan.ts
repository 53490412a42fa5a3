import { z } from "zod";
import { imageGenerators, NDArray, type Streams } from "../base/index.ts";
import {
  diffusionProcess,
  factorsAt,
  posteriorFactors,
  qBetween,
  qSample,
  scheduleSchema,
  vpBetas,
} from "../diffusion/index.ts";
import { ancestral, begin, pathOf, type Sampler, sample } from "../samplers/index.ts";
import type { Named, Spec, Tensor } from "../tensor/index.ts";
import { type Batch, type BatchProgram, defineSystem, type StageUpdate } from "../train/index.ts";
import { adversarial, gradientPenalty, ownTraining } from "./adversarial.ts";
import { adversarialNetworks, adversarialNetworksSchema } from "./adversarial-networks.ts";
import { classesOf, classesSchema, labelFeed, labelInput, toldClasses } from "./one-step.ts";

/** The names in which a feed of arrays has its values: x_{t−1} and x_t of one x_0, and what leads from G(x_t) to x_{t−1}. */
type Feed = "before" | "x" | "t" | "z" | "noise" | "towardsX0" | "towardsX" | "deviation";
type Feeds = { readonly [K in Feed]: Tensor } & { readonly labels?: Tensor };

/**
 * Denoising diffusion GANs (Xiao, Kreis and Vahdat 2022): so few and large steps of noise that p(x_{t−1} | x_t) is no
 * normal distribution; a generator G(x_t, z, t) says an x_0, from which x_{t−1} is drawn by q(x_{t−1} | x_t, x_0), and a
 * discriminator D(x_{t−1}, x_t, t) tells it from a real step (eq. 4 to 8). Timesteps are 0 … T − 1, where theirs are
 * 1 … T, and both networks are told that of the noisier sample. At t = 0, x_{−1} is the datum: the posterior has no
 * variance, and D compares G's own output with data.
 */
export const ddgan = defineSystem({
  name: "ddgan",
  summary: "Denoising diffusion GANs (Xiao, Kreis and Vahdat 2022)",
  headline: "CIFAR-10: FID 3.75, recall 0.57, in 4 evaluations",
  config: z.strictObject({
    /** T */
    steps: z.int().min(1).max(64).default(4),
    network: adversarialNetworksSchema,
    conditioning: classesSchema,
    /** γ of R1 in x_{t−1}, in the loss of every step; the paper has it in some, to save time. */
    penalty: z.number().nonnegative().default(0.5),
    generator: ownTraining,
    discriminator: ownTraining,
  }),
  sampling: z.strictObject({}),
  stages(config, data, seed) {
    const { steps } = config;
    const { image } = data;
    const process = diffusionProcess(
      scheduleSchema.parse({
        beta_schedule: "given",
        num_train_timesteps: steps,
        trained_betas: vpBetas(steps),
      }),
    );
    const { latents } = config.network.generator;
    const classes = classesOf(config, data);
    const { generator, discriminator } = adversarialNetworks(config.network, { data, classes }, seed);

    const arrays = (n: number, ...names: Feed[]): Named<Spec> =>
      Object.fromEntries(names.map((name) => [name, { shape: [n, ...image] }]));
    const asked = (n: number): Named<Spec> => ({
      ...arrays(n, "x"),
      t: { shape: [n] },
      z: { shape: [n, latents] },
      ...labelInput(classes, n),
    });
    const stepping = (n: number): Named<Spec> => ({
      ...asked(n),
      ...arrays(n, "noise"),
      ...Object.fromEntries(
        ["towardsX0", "towardsX", "deviation"].map((name) => [name, { shape: [n, 1, 1, 1] }]),
      ),
    });
    /** D of an x_{t−1} that leads to G(x_t, z, t). */
    const logitsOfMade = (feeds: Feeds, fixed: boolean): Tensor => {
      const { x, t, z, noise, towardsX0, towardsX, deviation, labels } = feeds;
      const x0 = generator.forward(x, t, z, labels);
      const made = x0.mul(towardsX0).add(x.mul(towardsX)).add(noise.mul(deviation));
      return discriminator.forward(fixed ? made.detach() : made, x, t, labels);
    };
    const logitsOfReal = ({ before, x, t, labels }: Feeds): Tensor =>
      discriminator.forward(before, x, t, labels);

    /** x_{t−1} and x_t of images at random timesteps, and which. */
    const pairs = ({ images, labels }: Batch, random: Streams) => {
      const n = images.shape[0] as number;
      const times = [...random.get("time").integers(0, steps, [n]).data];
      const normal = () => random.get("noise").normal(images.shape);
      const { alpha, sigma, ofX, ofNoise, ...posterior } = factorsAt(
        { factors: factorsOf },
        times,
      ) as Named<NDArray> & Record<"alpha" | "sigma" | "ofX" | "ofNoise", NDArray>;
      const before = qSample(images, normal(), { alpha, sigma });
      const x = before.mul(ofX).add(normal().mul(ofNoise));
      const real = { before, x, t: NDArray.of(times), ...labelFeed(classes, labels) };
      return { real, made: { z: random.get("latents").normal([n, latents]), noise: normal(), ...posterior } };
    };
    const factorsOf = (t: number) => {
      const [from, to] = [process.level(t), process.level(t - 1)];
      const { variance, ...towards } = posteriorFactors(from, to);
      const { alpha, sigma } = to;
      return { alpha, sigma, ...qBetween(to, from), ...towards, deviation: Math.sqrt(variance) };
    };

    const telling: StageUpdate = {
      name: "discriminator",
      trains: ["discriminator"],
      ...config.discriminator,
      program: (n) => ({
        inputs: { ...stepping(n), ...arrays(n, "before") },
        outputs: (feeds) => {
          const real = logitsOfReal(feeds as Feeds);
          const penalty = gradientPenalty(real, (feeds as Feeds).before, config.penalty);
          return { losses: adversarial.telling(real, logitsOfMade(feeds as Feeds, true)).add(penalty) };
        },
      }),
      draw(batch, random) {
        const { real, made } = pairs(batch, random);
        return { ...real, ...made };
      },
    };
    const making: StageUpdate = {
      name: "generator",
      trains: ["generator"],
      ...config.generator,
      program: (n) => ({
        inputs: stepping(n),
        outputs: (feeds) => ({ losses: adversarial.making(logitsOfMade(feeds as Feeds, false)) }),
      }),
      draw(batch, random) {
        const {
          real: { before: _, ...real },
          made,
        } = pairs(batch, random);
        return { ...real, ...made };
      },
    };
    const denoise: BatchProgram = (n) => ({
      inputs: asked(n),
      outputs: (feeds) => {
        const { x, t, z, labels } = feeds as Feeds;
        return { x0: generator.forward(x, t, z, labels) };
      },
    });

    return [
      {
        name: "ddgan",
        conditional: classes !== null,
        networks: { generator, discriminator },
        updates: [telling, making],
        async *generate(request, evaluate) {
          const { seed, count, signal, start = { kind: "noise" } } = request;
          const generators = imageGenerators(seed, count);
          const told = toldClasses(request, classes, generators);
          const sampler = ancestral() as Sampler;
          const levels = pathOf(process, {});
          yield* sample({
            ...begin(start, { levels, sampler, generators, shape: image, seed }),
            sampler,
            signal,
            async denoiser(x, { t }) {
              const z = NDArray.stack(generators.map((each) => each.normal([latents])));
              const feeds = { x, t: NDArray.full([count], t), z, ...told };
              return { x0: (await evaluate(denoise, feeds)).x0 as NDArray };
            },
          });
        },
      },
    ];
  },
});

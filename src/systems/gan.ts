import { z } from "zod";
import { Streams } from "../base/index.ts";
import { resnetDiscriminator, resnetGanFields, resnetGenerator } from "../models/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { type Batch, type BatchProgram, defineSystem, type StageUpdate } from "../train/index.ts";
import { adversarial, gradientPenalty, ownTraining } from "./adversarial.ts";
import {
  classesSchema,
  generateAtOnce,
  labelFeed,
  labelInput,
  oneStepSamplingSchema,
  pictureClassesOf,
} from "./one-step.ts";

/**
 * Generative adversarial networks with the non-saturating loss (Goodfellow et al. 2014, section 3) and a penalty on
 * the discriminator's gradient at real images, R1 (Mescheder et al. 2018, eq. 9), with which the game converges. Images
 * come from the moving average of the generator's weights.
 */
export const gan = defineSystem({
  name: "gan",
  summary: "Generative adversarial networks with R1 (Goodfellow et al. 2014; Mescheder et al. 2018)",
  headline: "none for these data; of GANs on CIFAR-10, FID 2.92 (Karras et al. 2020, StyleGAN2 with ADA)",
  config: z.strictObject({
    network: resnetGanFields,
    conditioning: classesSchema,
    /** γ, the weight of R1 halved. */
    penalty: z.number().nonnegative().default(10),
    generator: ownTraining,
    discriminator: ownTraining,
  }),
  sampling: oneStepSamplingSchema,
  stages(config, data, seed) {
    const { image } = data;
    const { latents } = config.network;
    const classes = pictureClassesOf(config, data);
    const random = new Streams(seed);
    const sizes = { image, classes };
    const generator = resnetGenerator(config.network, sizes, random.get("weights of the generator"));
    const discriminator = resnetDiscriminator(
      config.network,
      sizes,
      random.get("weights of the discriminator"),
    );
    const inputs = (n: number) => ({ z: { shape: [n, latents] }, ...labelInput(classes, n) });
    const noiseOf = ({ images, labels }: Batch, streams: Streams) => ({
      z: streams.get("noise").normal([images.shape[0] as number, latents]),
      ...labelFeed(classes, labels),
    });

    const telling: StageUpdate = {
      name: "discriminator",
      trains: ["discriminator"],
      ...config.discriminator,
      program: (n) => ({
        inputs: { ...inputs(n), x: { shape: [n, ...image] } },
        outputs({ x, z, labels }) {
          const made = generator.forward(z as Tensor, labels).detach();
          const real = discriminator.forward(x as Tensor, labels);
          const penalty = gradientPenalty(real, x as Tensor, config.penalty);
          return { losses: adversarial.telling(real, discriminator.forward(made, labels)).add(penalty) };
        },
      }),
      draw: (batch, streams) => ({ x: batch.images, ...noiseOf(batch, streams) }),
    };
    const making: StageUpdate = {
      name: "generator",
      trains: ["generator"],
      ...config.generator,
      program: (n) => ({
        inputs: inputs(n),
        outputs: ({ z, labels }) => ({
          losses: adversarial.making(discriminator.forward(generator.forward(z as Tensor, labels), labels)),
        }),
      }),
      draw: noiseOf,
    };
    const decode: BatchProgram = (n) => ({
      inputs: inputs(n),
      outputs: ({ z, labels }) => ({ images: generator.forward(z as Tensor, labels) }),
    });
    return [
      {
        name: "gan",
        conditional: classes !== null,
        networks: { generator, discriminator },
        updates: [telling, making],
        generate: (request, evaluate) =>
          generateAtOnce(request, evaluate, { name: "gan", latents, classes, decode }),
      },
    ];
  },
});

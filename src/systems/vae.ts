import { z } from "zod";
import { Streams } from "../base/index.ts";
import { asPixelBits, dequantised } from "../diffusion/index.ts";
import { convVaeFields, vaeDecoder, vaeEncoder } from "../models/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { type Batch, type BatchProgram, defineSystem } from "../train/index.ts";
import {
  classesSchema,
  generateAtOnce,
  labelFeed,
  labelInput,
  oneStepSamplingSchema,
  pictureClassesOf,
} from "./one-step.ts";

/** KL(N(mean, e^logVariance) ‖ N(0, 1)) in nats, summed over the latents, [n] (Kingma and Welling 2014, appendix B). */
export const klToPrior = (mean: Tensor, logVariance: Tensor): Tensor =>
  mean.mul(mean).add(logVariance.exp()).sub(1).sub(logVariance).sum([1]).mul(0.5);

/** −ln N(x; mean, e^(2 logDeviation)) in nats, summed over the pixels, [n]. */
const gaussianLoss = (x: Tensor, mean: Tensor, logDeviation: Tensor): Tensor => {
  const apart = x.sub(mean).div(logDeviation.exp());
  return apart
    .mul(apart)
    .add(logDeviation.mul(2))
    .add(Math.log(2 * Math.PI))
    .sum([1, 2, 3])
    .mul(0.5);
};

/**
 * Variational autoencoders (Kingma and Welling 2014; Rezende et al. 2014), with β times the distance to the prior
 * (Higgins et al. 2017, eq. 4) and a learned deviation of the pixels (Rybkin et al. 2021). Losses are in bits per
 * dimension of 8-bit pixels, which are spread over their 1/256 of the range in training: with β = 1 they bound what the
 * model would need to store the images.
 */
export const vae = defineSystem({
  name: "vae",
  summary: "Variational autoencoders (Kingma and Welling 2014; Higgins et al. 2017)",
  headline: "none for these data; of VAEs on CIFAR-10, 2.91 bits a dimension (Vahdat and Kautz 2020, NVAE)",
  config: z.strictObject({
    network: convVaeFields,
    conditioning: classesSchema,
    beta: z.number().positive().default(1),
  }),
  sampling: oneStepSamplingSchema,
  stages({ network, beta, conditioning }, data, seed) {
    const { image } = data;
    const { latents } = network;
    const classes = pictureClassesOf({ conditioning }, data);
    const random = new Streams(seed);
    const encoder = vaeEncoder(network, { image, classes }, random.get("weights of the encoder"));
    const decoder = vaeDecoder(network, { image, classes }, random.get("weights of the decoder"));
    const dimensions = image.reduce((product, side) => product * side, 1);

    /** The bound with this weight on the distance to the prior, [n]. */
    const bound =
      (weight: number): BatchProgram =>
      (n) => ({
        inputs: {
          x: { shape: [n, ...image] },
          noise: { shape: [n, latents] },
          ...labelInput(classes, n),
        },
        outputs(feeds) {
          const { x, noise, labels } = feeds as typeof feeds & Record<"x" | "noise", Tensor>;
          const { mean, logVariance } = encoder.forward(x, labels);
          const latent = mean.add(logVariance.mul(0.5).exp().mul(noise));
          const loss = gaussianLoss(x, decoder.forward(latent, labels), decoder.log_deviation);
          const nats = loss.add(klToPrior(mean, logVariance).mul(weight));
          return { losses: nats.mul(1 / (dimensions * Math.LN2)).add(asPixelBits(0)) };
        },
      });
    const drawn = ({ images, labels }: Batch, streams: Streams) => ({
      x: dequantised(images.add(1).mul(127.5).map(Math.round), streams.get("dequantisation")),
      noise: streams.get("noise").normal([images.shape[0] as number, latents]),
      ...labelFeed(classes, labels),
    });
    const decode: BatchProgram = (n) => ({
      inputs: { z: { shape: [n, latents] }, ...labelInput(classes, n) },
      outputs: ({ z, labels }) => ({ images: decoder.forward(z as Tensor, labels) }),
    });
    const measured = bound(1);
    return [
      {
        name: "vae",
        conditional: classes !== null,
        networks: { encoder, decoder },
        updates: [{ name: "loss", trains: ["encoder", "decoder"], program: bound(beta), draw: drawn }],
        heldOut: { points: [1], program: measured, draw: (batch, _, streams) => drawn(batch, streams) },
        generate: (request, evaluate) =>
          generateAtOnce(request, evaluate, { name: "vae", latents, classes, decode }),
      },
    ];
  },
});

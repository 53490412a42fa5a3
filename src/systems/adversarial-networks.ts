import { z } from "zod";
import { ArgumentError, Streams } from "../base/index.ts";
import {
  latentUnet,
  latentUnetFields,
  timeDiscriminator,
  timeDiscriminatorFields,
  timeMlp,
  timeMlpFields,
} from "../models/index.ts";
import { concat, type Tensor } from "../tensor/index.ts";
import type { DataShape } from "../train/index.ts";

/** A generator and a discriminator of steps back from noise: a U-Net's pair unless another kind is said. */
export const adversarialNetworksSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("unet").optional(),
    generator: latentUnetFields,
    discriminator: timeDiscriminatorFields.prefault({}),
  }),
  z.strictObject({
    kind: z.literal("mlp"),
    generator: timeMlpFields
      .omit({ dropout: true })
      .extend({ latents: z.int().positive().default(8) })
      .prefault({}),
    discriminator: timeMlpFields.omit({ dropout: true }).prefault({}),
  }),
]);
type NetworksConfig = z.output<typeof adversarialNetworksSchema>;

/** Both see the level t of the noisier sample, x_t. */
export interface AdversarialNetworks {
  /** An x_0 that x_t [n, c, h, w] may come from, another one for other latents z [n, latents]. */
  readonly generator: { forward(x: Tensor, t: Tensor, z: Tensor, labels?: Tensor): Tensor };
  /** Logits [n] of x_{t−1} being a real step before x_t, the noisier. */
  readonly discriminator: { forward(x: Tensor, noisier: Tensor, t: Tensor, labels?: Tensor): Tensor };
}

interface Sizes {
  readonly data: DataShape;
  readonly classes: number | null;
}

/** Multilayer perceptrons that see two vectors, or a vector and latents, as one. */
const perceptrons = (
  { generator, discriminator }: Extract<NetworksConfig, { kind: "mlp" }>,
  { data: { image }, classes }: Sizes,
  random: Streams,
): AdversarialNetworks => {
  const [c] = image;
  const { latents, ...config } = generator;
  const net = (own: object, inputs: number, outputs: number, stream: string) =>
    timeMlp({ ...timeMlpFields.parse(own) }, { inputs, outputs, classes }, random.get(stream));
  const making = net(config, c + latents, c, "weights of the generator");
  const telling = net(discriminator, 2 * c, 1, "weights of the discriminator");
  return {
    generator: {
      ...making,
      forward: (x, t, z, labels) =>
        making.forward(concat([x, z.reshape([-1, latents, 1, 1])], 1), t, { classLabels: labels }),
    },
    discriminator: {
      ...telling,
      forward: (x, noisier, t, labels) =>
        telling.forward(concat([x, noisier], 1), t, { classLabels: labels }).reshape([-1]),
    },
  };
};

/** The pair of a configuration, with initial weights of a seed. @throws ArgumentError where it does not fit the data */
export const adversarialNetworks = (
  config: NetworksConfig,
  sizes: Sizes,
  seed: number,
): AdversarialNetworks => {
  const random = new Streams(seed);
  const { form = "pictures", image } = sizes.data;
  const wanted = form === "pictures" ? "unet" : "mlp";
  const { kind = "unet" } = config;
  if (kind !== wanted)
    throw new ArgumentError({
      who: "config.network",
      expected: `kind "${wanted}", for ${form}`,
      got: `"${kind}"`,
    });
  if (config.kind === "mlp") return perceptrons(config, sizes, random);
  const { generator, discriminator } = config;
  const shape = { image, classes: sizes.classes };
  return {
    generator: latentUnet(generator, shape, random.get("weights of the generator")),
    discriminator: timeDiscriminator(discriminator, shape, random.get("weights of the discriminator")),
  };
};

import type { Generator } from "../base/index.ts";
import { type Activation, activations, conv2d } from "../nn/index.ts";
import {
  constant,
  conv2d as convolve,
  maximum,
  minimum,
  Parameter,
  relu,
  type Tensor,
  tanh,
  upsampleNearest,
} from "../tensor/index.ts";
import { requireImage } from "./autoencoder-image.ts";
import type { AutoencoderTinyConfig } from "./autoencoder-tiny-config.ts";

/** One step of a sequence; `part` holds what it learns. */
interface Step {
  readonly part?: object;
  forward(x: Tensor): Tensor;
}

/** A sequence whose steps have the numbers of their places for names, as in PyTorch. */
const sequence = (steps: readonly Step[]) => ({
  layers: Object.fromEntries(steps.flatMap(({ part }, place) => (part ? [[place, part]] : []))),
  forward: (x: Tensor): Tensor => steps.reduce((hidden, step) => step.forward(hidden), x),
});

const conv = (random: Generator, from: number, to: number): Step => {
  const part = conv2d(random, from, to, { kernel: 3, padding: 1 });
  return { part, forward: part.forward };
};

/** A convolution without a bias. */
const kernel = (random: Generator, channels: number, stride: number): Step => {
  const bound = 1 / Math.sqrt(9 * channels);
  const weight = new Parameter(random.symmetric([channels, channels, 3, 3], bound));
  const geometry = { stride, padding: [1, 1, 1, 1] } as const;
  return { part: { weight }, forward: (x) => convolve(x, weight, undefined, geometry) };
};

/** Three convolutions with activations between, beside the identity; a ReLU over the sum. */
const block = (random: Generator, channels: number, activation: Activation): Step => {
  const act: Step = { forward: activations[activation] };
  const three = [0, 1, 2].map(() => conv(random, channels, channels)) as [Step, Step, Step];
  const { layers, forward } = sequence([three[0], act, three[1], act, three[2]]);
  return { part: { conv: layers }, forward: (x) => relu(forward(x).add(x)) };
};

const tinyEncoder = (random: Generator, config: AutoencoderTinyConfig) => {
  const width = config.encoder_block_out_channels[0] as number;
  return sequence([
    ...config.num_encoder_blocks.flatMap((count, level) => [
      level === 0 ? conv(random, config.in_channels, width) : kernel(random, width, 2),
      ...Array.from({ length: count }, () => block(random, width, config.act_fn)),
    ]),
    conv(random, width, config.latent_channels),
  ]);
};

const tinyDecoder = (random: Generator, config: AutoencoderTinyConfig) => {
  const width = config.decoder_block_out_channels[0] as number;
  const larger: Step = { forward: (x) => upsampleNearest(x, config.upsampling_scaling_factor) };
  return sequence([
    conv(random, config.latent_channels, width),
    { forward: activations[config.act_fn] },
    ...config.num_decoder_blocks.flatMap((count, level, { length }) => [
      ...Array.from({ length: count }, () => block(random, width, config.act_fn)),
      ...(level === length - 1
        ? [conv(random, width, config.out_channels)]
        : [larger, kernel(random, width, 1)]),
    ]),
  ]);
};

/** Beyond this, latents are pressed together on their way into the decoder. */
const REACH = 3;

/**
 * diffusers' `AutoencoderTiny` (TAESD, Boer Bohan 2023): its keys are that model's parameter names. `encode` takes
 * pictures [n, in_channels, h, w] in [-1, 1] to latents [n, latent_channels, h / f, w / f], f = 2 to the number of levels
 * less one; `decode` takes latents back. Latents are those that a diffusion model sees, up to `scaling_factor`.
 * `scaleLatents` and `unscaleLatents` map them to [0, 1], where they are kept as bytes, and back.
 */
export const autoencoderTiny = (config: AutoencoderTinyConfig, random: Generator) => {
  const encoder = tinyEncoder(random, config);
  const decoder = tinyDecoder(random, config);
  const who = "autoencoderTiny";
  const range = 2 * config.latent_magnitude;
  return {
    config,
    encoder,
    decoder,
    encode(pictures: Tensor): Tensor {
      const multiple = 2 ** (config.num_encoder_blocks.length - 1);
      requireImage(pictures, { who, channels: config.in_channels, multiple });
      return encoder.forward(pictures.add(1).div(2));
    },
    decode(latents: Tensor): Tensor {
      requireImage(latents, { who, channels: config.latent_channels, multiple: 1 });
      return decoder
        .forward(tanh(latents.div(REACH)).mul(REACH))
        .mul(2)
        .sub(1);
    },
    scaleLatents: (latents: Tensor): Tensor =>
      maximum(minimum(latents.div(range).add(config.latent_shift), constant(1)), constant(0)),
    unscaleLatents: (scaled: Tensor): Tensor => scaled.sub(config.latent_shift).mul(range),
  };
};
export type AutoencoderTiny = ReturnType<typeof autoencoderTiny>;

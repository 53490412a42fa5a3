import { ArgumentError, type Generator, NDArray, NonFiniteError } from "../base/index.ts";
import type { AutoencoderKl, AutoencoderTiny, VQModel } from "../models/index.ts";
import type { Tensor } from "../tensor/index.ts";
import type { EvaluateOptions } from "../train/index.ts";
import { type LatentScaling, latentScaling } from "./latent-scaling.ts";
import { openNetwork } from "./network.ts";
import { tiled } from "./tiling.ts";

/** Pictures [n, c, h, w] in [-1, 1] to latents of variance about 1, and back. Close it when done. */
export interface LatentCodec {
  /** Of latents. */
  readonly channels: number;
  /** Sides of a picture for each of its latents. */
  readonly factor: number;
  /**
   * Latents drawn from what the encoder thinks possible, each by its own generator, as by torch's `randn`; its best guess
   * without any. Encoders that know only one answer leave generators as they are.
   * @throws ArgumentError where generators are not as many as pictures
   */
  encode(pictures: NDArray, generators?: readonly Generator[]): Promise<NDArray>;
  /** @throws NonFiniteError for pictures that are none, which would pass for black */
  decode(latents: NDArray): Promise<NDArray>;
  close(): Promise<void>;
}

/** An autoencoder as functions of arrays, one picture at a time; of latents as they are before any scaling. */
export interface Autoencoder {
  readonly channels: number;
  readonly factor: number;
  /** Latents along a side of a tile. */
  readonly tile: number;
  readonly scaling: LatentScaling;
  /** Whether `encode` gives moments [1, 2c, h, w], means before log-variances, or latents. */
  readonly drawn: boolean;
  encode(picture: NDArray): Promise<NDArray>;
  decode(latents: NDArray): Promise<NDArray>;
  close(): Promise<void>;
}

/** Latents, beyond whose number pictures are made in tiles: a megapixel at 8 pixels each. */
const WHOLE = 128 * 128;
/** Of the encoder's log-variances (diffusers' DiagonalGaussianDistribution). */
const LOG_VARIANCES = [-30, 20] as const;

/** A codec that has one picture at a time go through, and those of more than `whole` latents in tiles. */
export const latentCodec = (autoencoder: Autoencoder, whole = WHOLE): LatentCodec => {
  const { channels, factor, tile, scaling } = autoencoder;
  const needsTiles = ([, , h = 0, w = 0]: readonly number[]) => h * w > whole && Math.max(h, w) > tile;
  const encodeOne = (picture: NDArray): Promise<NDArray> =>
    needsTiles(picture.shape.map((size) => size / factor))
      ? tiled(picture, autoencoder.encode, { tile: tile * factor, scale: 1 / factor })
      : autoencoder.encode(picture);
  const decodeOne = (latents: NDArray): Promise<NDArray> =>
    needsTiles(latents.shape)
      ? tiled(latents, autoencoder.decode, { tile, scale: factor })
      : autoencoder.decode(latents);
  return {
    channels,
    factor,
    async encode(pictures, generators) {
      const made: NDArray[] = [];
      const [n = 0] = pictures.shape;
      if (generators && generators.length !== n) throw otherCount(n, generators.length);
      for (let k = 0; k < n; k++) {
        const said = finite(await encodeOne(pictures.rows(k, k + 1)), "latents");
        made.push(autoencoder.drawn ? drawn(said, generators?.[k]) : said);
      }
      return scaling.toModel(NDArray.concat(made));
    },
    async decode(latents) {
      if (!latents.isFinite()) throw brokenLatents();
      const made: NDArray[] = [];
      const own = scaling.toAutoencoder(latents);
      for (let k = 0; k < (own.shape[0] as number); k++)
        made.push(finite(await decodeOne(own.rows(k, k + 1)), "pictures"));
      return NDArray.concat(made);
    },
    close: () => autoencoder.close(),
  };
};

/** Opens an autoencoder with its weights. Tiles are as large as the pictures that it was trained on. */
export const openLatentCodec = (
  module: AutoencoderKl | AutoencoderTiny | VQModel,
  options: EvaluateOptions = {},
): LatentCodec => {
  const opened = (f: (x: Tensor) => Tensor) => {
    const network = openNetwork(module, ({ x }) => ({ y: f(x as Tensor) }), options);
    const run = async (x: NDArray) => (await network.run({ x })).y as NDArray;
    return { run, close: () => network.close() };
  };
  const encoder = opened((x) => module.encode(x));
  const decoder = opened((z) => module.decode(z));
  return latentCodec({
    ...aboutLatents(module.config),
    scaling: latentScaling(module.config),
    encode: encoder.run,
    decode: decoder.run,
    async close() {
      await encoder.close();
      await decoder.close();
    },
  });
};

/** What follows from an autoencoder's configuration. */
export const aboutLatents = (
  config: (AutoencoderKl | AutoencoderTiny | VQModel)["config"],
): Pick<Autoencoder, "channels" | "factor" | "tile" | "drawn"> => {
  if ("latent_magnitude" in config) {
    const factor = config.upsampling_scaling_factor ** (config.num_decoder_blocks.length - 1);
    return { channels: config.latent_channels, factor, tile: LEAST_TILE * 2, drawn: false };
  }
  const factor = 2 ** (config.block_out_channels.length - 1);
  const size = config.sample_size;
  const side = typeof size === "number" ? size : (size[0] as number);
  const tile = Math.max(LEAST_TILE, 4 * Math.floor(side / factor / 4));
  return "num_vq_embeddings" in config
    ? { channels: config.vq_embed_dim ?? config.latent_channels, factor, tile, drawn: false }
    : { channels: config.latent_channels, factor, tile, drawn: true };
};

/**
 * What a configuration says of sizes may be smaller than what was trained on, as diffusers' default is; tiles overlap by
 * a quarter, which has to be whole.
 */
const LEAST_TILE = 32;

/** Of moments [1, 2c, h, w]: a draw, or the mean. */
const drawn = (moments: NDArray, generator: Generator | undefined): NDArray => {
  const [, both = 0, h = 0, w = 0] = moments.shape;
  const halves = moments.reshape([2, both / 2, h, w]);
  const mean = halves.rows(0, 1);
  if (!generator) return mean;
  const deviation = halves
    .rows(1, 2)
    .clamp(...LOG_VARIANCES)
    .mul(0.5)
    .exp();
  return mean.add(deviation.mul(generator.normal(mean.shape)));
};

const otherCount = (pictures: number, generators: number): ArgumentError =>
  new ArgumentError({
    who: "generators",
    expected: `one for each of ${pictures} pictures`,
    got: String(generators),
  });

/** @throws NonFiniteError for what the autoencoder made and is not finite */
const finite = (made: NDArray, what: string): NDArray => {
  if (made.isFinite()) return made;
  throw new NonFiniteError({
    who: "the autoencoder",
    expected: `finite ${what}`,
    got: "NaN or infinity",
    hint:
      "its weights overflow, as those of XL's first autoencoder do where they are kept in float16: take its float32 " +
      "weights (leave --variant fp16 out), or an autoencoder that was mended for it",
  });
};

const brokenLatents = (): NonFiniteError =>
  new NonFiniteError({
    who: "latents",
    expected: "finite numbers to decode",
    got: "NaN or infinity",
    hint: "the diffusion model that made them overflowed: take its float32 weights (leave --variant fp16 out)",
  });

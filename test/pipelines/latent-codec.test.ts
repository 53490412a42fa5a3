import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { readSafetensors } from "../../src/formats/index.ts";
import {
  autoencoderKl,
  autoencoderKlSchema,
  autoencoderTiny,
  autoencoderTinySchema,
  vqModel,
  vqModelSchema,
} from "../../src/models/index.ts";
import { type Autoencoder, latentCodec, openLatentCodec } from "../../src/pipelines/latent-codec.ts";
import { latentScaling } from "../../src/pipelines/latent-scaling.ts";

const largest = ({ data }: NDArray): number => Math.max(...[...data].map(Math.abs));

/** Pictures are means of 2×2, latents come back as 2×2; what goes through is kept. */
const simple = (changes: Partial<Autoencoder> = {}) => {
  const seen: (readonly number[])[] = [];
  const resized = (x: NDArray, scale: number, value: number) =>
    NDArray.full([1, 4, ...x.shape.slice(2).map((size) => size * scale)], value);
  const autoencoder: Autoencoder = {
    channels: 4,
    factor: 2,
    tile: 4,
    scaling: latentScaling({ scaling_factor: 0.5, shift_factor: 3 }),
    drawn: false,
    async encode(x) {
      seen.push(x.shape);
      return resized(x, 1 / 2, x.data[0] as number);
    },
    async decode(z) {
      seen.push(z.shape);
      return resized(z, 2, z.data[0] as number);
    },
    async close() {},
    ...changes,
  };
  return { seen, codec: latentCodec(autoencoder, 16) };
};

describe("a latent codec", () => {
  it.each(["stable", "wide"])("draws and scales latents as diffusers does, %s", async (name) => {
    const url = (ending: string) => new URL(`../fixtures/autoencoders/${name}.${ending}`, import.meta.url);
    const config = autoencoderKlSchema.parse(JSON.parse(await readFile(url("json"), "utf8")).config);
    const { tensors } = readSafetensors(await readFile(url("safetensors")), name);
    const moments = (tensors.get("moments") as NDArray).split();
    const { codec } = simple({
      drawn: true,
      scaling: latentScaling(config),
      encode: async (x) => {
        const made = moments[x.data[0] as number] as NDArray;
        return made.reshape([1, ...made.shape]);
      },
    });
    const wanted = tensors.get("drawn") as NDArray;
    const pictures = NDArray.of([0, 1], [2, 1, 1, 1]);
    const generators = [new Generator(0), new Generator(1)];
    const got = await codec.encode(pictures, generators);
    expect(got.shape).toEqual(wanted.shape);
    // Normals differ by 3e-7 from torch's.
    expect(largest(got.sub(wanted))).toBeLessThan(2e-6 * largest(wanted));
    const alone = await codec.encode(pictures.rows(1, 2), [new Generator(1)]);
    expect(alone).toEqual(got.rows(1, 2));
    const mean = await codec.encode(pictures);
    const means = NDArray.stack(moments.map((each) => each.rows(0, config.latent_channels)));
    const scaled = means.sub(config.shift_factor ?? 0).mul(config.scaling_factor);
    expect(largest(mean.sub(scaled))).toBeLessThan(1e-6 * largest(scaled));
  });

  it("keeps log-variances between -30 and 20", async () => {
    const { codec } = simple({
      drawn: true,
      scaling: latentScaling({ scaling_factor: 1 }),
      encode: async (x) => NDArray.of([2, x.data[0] as number], [1, 2, 1, 1]),
    });
    const noise = new Generator(0).normal([1]).item();
    const at = async (logVariance: number) =>
      (await codec.encode(NDArray.full([1, 1, 1, 1], logVariance), [new Generator(0)])).item();
    expect(await at(-1000)).toBeCloseTo(2, 6);
    expect(await at(1000)).toBeCloseTo(2 + Math.exp(10) * noise, 1);
  });

  it("takes shift and scale on the way in, and gives them back on the way out", async () => {
    const { codec } = simple();
    const latents = await codec.encode(NDArray.full([1, 3, 4, 4], 5));
    expect([...latents.data]).toEqual(Array(16).fill((5 - 3) * 0.5));
    expect((await codec.decode(latents)).data[0]).toBe(5);
  });

  it("scales each channel by its own mean and deviation where there are some", () => {
    const scaling = latentScaling({ scaling_factor: 0.5, latents_mean: [1, -2], latents_std: [4, 0.5] });
    const z = NDArray.of([5, 0], [1, 2, 1, 1]);
    const seen = scaling.toModel(z);
    expect([...seen.data]).toEqual([((5 - 1) * 0.5) / 4, ((0 + 2) * 0.5) / 0.5]);
    expect(scaling.toAutoencoder(seen)).toEqual(z);
  });

  it("has one picture at a time go through, and large ones in tiles", async () => {
    const { codec, seen } = simple();
    await codec.decode(NDArray.zeros([2, 4, 4, 4]));
    expect(seen).toEqual(Array(2).fill([1, 4, 4, 4]));
    seen.length = 0;
    await codec.encode(NDArray.zeros([1, 3, 10, 8]));
    // Steps of 6 pixels, three quarters of a tile's 8.
    expect(seen).toEqual([
      [1, 3, 8, 8],
      [1, 3, 8, 2],
      [1, 3, 4, 8],
      [1, 3, 4, 2],
    ]);
    seen.length = 0;
    const { shape } = await codec.decode(NDArray.zeros([1, 4, 2, 9]));
    expect(shape).toEqual([1, 4, 4, 18]);
    expect(seen[0]).toEqual([1, 4, 2, 4]);
  });

  it("refuses what is not finite, whoever made it, and generators that are not one for each picture", async () => {
    const broken = async () => NDArray.of([1, Number.NaN, 0, 0], [1, 4, 1, 1]);
    const { codec } = simple({ encode: broken, decode: broken });
    const picture = NDArray.zeros([1, 3, 2, 2]);
    await expect(codec.decode(NDArray.zeros([1, 4, 1, 1]))).rejects.toThrow(
      /the autoencoder: expected finite pictures, got NaN or infinity.*float16/s,
    );
    await expect(codec.encode(picture)).rejects.toThrow("the autoencoder: expected finite latents");
    await expect(codec.decode(NDArray.full([1, 4, 1, 1], Number.POSITIVE_INFINITY))).rejects.toThrow(
      /latents: expected finite numbers to decode.*diffusion model/s,
    );
    await expect(codec.encode(picture, [])).rejects.toThrow(
      "generators: expected one for each of 1 pictures, got 0",
    );
  });
});

describe("an opened latent codec", () => {
  const levels = {
    block_out_channels: [4, 4],
    norm_num_groups: 2,
    down_block_types: ["DownEncoderBlock2D", "DownEncoderBlock2D"],
    up_block_types: ["UpDecoderBlock2D", "UpDecoderBlock2D"],
  };
  const narrow = { encoder_block_out_channels: [4, 4], decoder_block_out_channels: [4, 4] };
  const blocks = { num_encoder_blocks: [1, 1], num_decoder_blocks: [1, 1] };
  it.each([
    [
      "AutoencoderKL",
      autoencoderKl(autoencoderKlSchema.parse({ ...levels, latent_channels: 5 }), new Generator(0)),
      5,
    ],
    ["VQModel", vqModel(vqModelSchema.parse({ ...levels, vq_embed_dim: 6 }), new Generator(0)), 6],
    [
      "AutoencoderTiny",
      autoencoderTiny(autoencoderTinySchema.parse({ ...narrow, ...blocks }), new Generator(0)),
      4,
    ],
  ])("of %s takes pictures to latents and back", async (_, module, channels) => {
    const codec = openLatentCodec(module, { backend: "onnx" });
    expect([codec.channels, codec.factor]).toEqual([channels, 2]);
    const latents = await codec.encode(new Generator(1).normal([2, 3, 4, 6]), [
      new Generator(2),
      new Generator(3),
    ]);
    expect(latents.shape).toEqual([2, channels, 2, 3]);
    expect((await codec.decode(latents)).shape).toEqual([2, 3, 4, 6]);
    await codec.close();
  });
});

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { Generator, type NDArray, sizeOf } from "../../src/base/index.ts";
import { readSafetensors } from "../../src/formats/index.ts";
import { autoencoderKl, autoencoderKlSchema } from "../../src/models/index.ts";
import { blank, leaves, loadState, parameters, stateOf } from "../../src/nn/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { input, type Tensor, trace } from "../../src/tensor/index.ts";
import { spread } from "./spread.ts";

/** Of the largest value: what the project promises against the reference implementation in float32. */
const OUTPUT_TOLERANCE = 1e-4;

const url = (name: string) => new URL(`../fixtures/autoencoders/${name}`, import.meta.url);
const readJson = async (name: string) => JSON.parse(await readFile(url(`${name}.json`), "utf8"));

const largest = ({ data }: NDArray): number => Math.max(...[...data].map(Math.abs));
const expectNear = (got: NDArray, wanted: NDArray) => {
  expect(got.shape).toEqual(wanted.shape);
  expect(largest(got.sub(wanted))).toBeLessThan(OUTPUT_TOLERANCE * largest(wanted));
};

describe.each(["stable", "wide", "plain"])("AutoencoderKL, %s,", async (name) => {
  const { config, seed, shapes } = await readJson(name);
  const { tensors } = readSafetensors(await readFile(url(`${name}.safetensors`)), name);
  const of = (key: string) => tensors.get(key) as NDArray;
  const net = autoencoderKl(autoencoderKlSchema.parse(config), new Generator(seed));
  loadState(net, spread(net));

  it("has diffusers' names and shapes", () => {
    expect(Object.fromEntries([...parameters(net)].map(([key, { shape }]) => [key, shape]))).toEqual(shapes);
  });
  it("encodes and decodes as diffusers does with the same weights", async () => {
    const feeds = { pictures: of("pictures"), latents: of("latents") };
    const graph = trace(
      feeds,
      ({ pictures, latents }) => ({
        moments: net.encode(pictures as Tensor),
        decoded: net.decode(latents as Tensor),
      }),
      leaves(net),
    );
    const run = await compile(graph, { worker: false, weights: stateOf(net) });
    const { moments, decoded } = await run(feeds);
    await run.close();
    expectNear(moments as NDArray, of("moments"));
    expectNear(decoded as NDArray, of("decoded"));
  });
});

describe("AutoencoderKL has the names and shapes of", () => {
  it.each(["stable-diffusion-v1-5", "stable-diffusion-x4-upscaler"])("%s", async (name) => {
    const { config, parameters: count, tensors, digest } = (await readJson("full")).models[name];
    const found = parameters(autoencoderKl(autoencoderKlSchema.parse(config), blank));
    expect(found.size).toBe(tensors);
    expect([...found.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0)).toBe(count);
    const lines = [...found].map(([key, { shape }]) => `${key} ${shape.join(",")}`).sort();
    expect(createHash("sha256").update(lines.join("\n")).digest("hex")).toBe(digest);
  });
});

const complaint = (changes: object): string =>
  autoencoderKlSchema
    .safeParse({ norm_num_groups: 4, ...changes })
    .error?.issues.map(({ message, path }) => `${path.join(".")} ${message}`)
    .join("; ") ?? "none";

describe("AutoencoderKL refuses", () => {
  it.each([
    [{ down_block_types: ["AttnDownEncoderBlock2D"] }, "expected DownEncoderBlock2D"],
    [
      { block_out_channels: [8, 16] },
      "as many down_block_types and up_block_types as block_out_channels (2)",
    ],
    [{ block_out_channels: [6] }, "channels divisible by norm_num_groups, not 6 by 4"],
    [{ latents_mean: [0, 1] }, "4 numbers in latents_mean, not 2"],
    [{ latents_std: [1, 1, 1, 1] }, "latents_mean and latents_std, or neither of them"],
    [{ spin: 1 }, "spin"],
  ])("configurations as %j, by name", (changes, words) => {
    expect(complaint(changes)).toContain(words);
  });
  it("sides that do not halve evenly, and other channels", () => {
    const config = { ...FIELDS, block_out_channels: [8, 8] };
    const net = autoencoderKl(autoencoderKlSchema.parse(config), blank);
    expect(() => net.encode(input([1, 3, 9, 8]))).toThrow(
      "[n, 3, h, w] with h and w divisible by 2, got [1, 3, 9, 8]",
    );
    expect(() => net.decode(input([1, 3, 9, 8]))).toThrow("[n, 4, h, w], got [1, 3, 9, 8]");
  });
});
const FIELDS = {
  norm_num_groups: 4,
  down_block_types: ["DownEncoderBlock2D", "DownEncoderBlock2D"],
  up_block_types: ["UpDecoderBlock2D", "UpDecoderBlock2D"],
};

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { type NDArray, sizeOf } from "../../src/base/index.ts";
import { readSafetensors } from "../../src/formats/index.ts";
import { autoencoderTiny, autoencoderTinySchema } from "../../src/models/index.ts";
import { blank, leaves, loadState, parameters, stateOf } from "../../src/nn/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { input, type Tensor, trace } from "../../src/tensor/index.ts";

/** Of the largest value: what the project promises against the reference implementation in float32. */
const OUTPUT_TOLERANCE = 1e-4;

const url = (name: string) => new URL(`../fixtures/autoencoders/${name}`, import.meta.url);
const readJson = async (name: string) => JSON.parse(await readFile(url(`${name}.json`), "utf8"));
const largest = ({ data }: NDArray): number => Math.max(...[...data].map(Math.abs));

describe.each(["tiny", "tiny-odd"])("AutoencoderTiny, %s,", async (name) => {
  const { config } = await readJson(name);
  const { tensors } = readSafetensors(await readFile(url(`${name}.safetensors`)), name);
  const net = autoencoderTiny(autoencoderTinySchema.parse(config), blank);
  const state = [...tensors].filter(([key]) => key.startsWith("weight."));
  loadState(net, new Map(state.map(([key, value]) => [key.slice("weight.".length), value])));

  it("encodes, decodes and scales as diffusers does", async () => {
    const of = (key: string) => tensors.get(key) as NDArray;
    const feeds = { pictures: of("pictures"), wide: of("wide") };
    const graph = trace(
      feeds,
      ({ pictures, wide }) => {
        const scaled = net.scaleLatents(wide as Tensor);
        return {
          latents: net.encode(pictures as Tensor),
          decoded: net.decode(wide as Tensor),
          scaled,
          unscaled: net.unscaleLatents(scaled),
        };
      },
      leaves(net),
    );
    const run = await compile(graph, { worker: false, weights: stateOf(net) });
    const got = await run(feeds);
    await run.close();
    for (const [key, value] of Object.entries(got)) {
      expect(value.shape, key).toEqual(of(key).shape);
      expect(largest(value.sub(of(key))), key).toBeLessThan(OUTPUT_TOLERANCE * largest(of(key)));
    }
    expect([Math.min(...of("scaled").data), Math.max(...of("scaled").data)]).toEqual([0, 1]);
  });
});

describe("AutoencoderTiny", () => {
  it("has TAESD's names and shapes without being told anything", async () => {
    const {
      parameters: count,
      tensors,
      digest,
    } = (await readJson("full-vq-and-tiny")).models.AutoencoderTiny;
    const found = parameters(autoencoderTiny(autoencoderTinySchema.parse({}), blank));
    expect(found.size).toBe(tensors);
    expect([...found.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0)).toBe(count);
    const lines = [...found].map(([key, { shape }]) => `${key} ${shape.join(",")}`).sort();
    expect(createHash("sha256").update(lines.join("\n")).digest("hex")).toBe(digest);
  });
});

describe("AutoencoderTiny refuses", () => {
  const complaint = (changes: object) =>
    autoencoderTinySchema
      .safeParse(changes)
      .error?.issues.map(({ message, path }) => `${path.join(".")} ${message}`)
      .join("; ");
  it.each([
    [{ upsample_fn: "bilinear" }, 'upsample_fn expected nearest, got "bilinear"'],
    [{ num_encoder_blocks: [1, 3] }, "as many num_encoder_blocks as encoder_block_out_channels (4)"],
    [
      { decoder_block_out_channels: [64, 64, 32, 32] },
      "decoder_block_out_channels that are all the same, not 64 and 32",
    ],
    [{ act_fn: "tanh" }, "act_fn"],
    [{ latent_magnitude: 0 }, "latent_magnitude"],
    [{ spin: 1 }, "spin"],
  ])("configurations as %j, by name", (changes, words) => {
    expect(complaint(changes)).toContain(words);
  });

  it("sides that do not halve evenly, and other channels", () => {
    const net = autoencoderTiny(autoencoderTinySchema.parse({}), blank);
    expect(() => net.encode(input([1, 3, 8, 12]))).toThrow(
      "autoencoderTiny: expected [n, 3, h, w] with h and w divisible by 8, got [1, 3, 8, 12]",
    );
    expect(() => net.decode(input([1, 3, 2, 2]))).toThrow("[n, 4, h, w], got [1, 3, 2, 2]");
  });
});

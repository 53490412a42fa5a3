import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { Generator, type NDArray, sizeOf } from "../../src/base/index.ts";
import { readSafetensors } from "../../src/formats/index.ts";
import {
  type UNet2DConditionInputs,
  unet2dCondition,
  unet2dConditionSchema,
} from "../../src/models/index.ts";
import { blank, parameters } from "../../src/nn/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { input, type Tensor, trace } from "../../src/tensor/index.ts";
import { spread } from "./spread.ts";

/** Of the largest value: what the project promises against the reference implementation in float32. */
const OUTPUT_TOLERANCE = 1e-4;

const url = (name: string) => new URL(`../fixtures/unet2d-condition/${name}`, import.meta.url);
const readJson = async (name: string) => JSON.parse(await readFile(url(`${name}.json`), "utf8"));

const largest = ({ data }: NDArray): number => Math.max(...[...data].map(Math.abs));

const names = ["sd1", "sd2", "odd", "upscaler", "lcm", "xl", "unclip", "uneven"];

describe("UNet2DConditionModel gives what diffusers gives with the same weights:", () => {
  it.each(names)("%s", async (name) => {
    const { config, seed, shapes } = await readJson(name);
    const { tensors } = readSafetensors(await readFile(url(`${name}.safetensors`)), name);
    const net = unet2dCondition(unet2dConditionSchema.parse(config), new Generator(seed));
    expect(Object.fromEntries([...parameters(net)].map(([key, { shape }]) => [key, shape]))).toEqual(shapes);
    const feeds = Object.fromEntries(
      [...tensors].flatMap(([key, value]) => (key.startsWith("input.") ? [[key.slice(6), value]] : [])),
    );
    const graph = trace(
      feeds,
      ({ sample, timestep, ...inputs }) => ({
        output: net.forward(sample as Tensor, timestep as Tensor, inputs as unknown as UNet2DConditionInputs),
      }),
      parameters(net),
    );
    const run = await compile(graph, { worker: false, weights: spread(net) });
    const { output } = await run(feeds);
    await run.close();
    const wanted = tensors.get("output") as NDArray;
    expect(output?.shape).toEqual(wanted.shape);
    expect(largest((output as NDArray).sub(wanted))).toBeLessThan(OUTPUT_TOLERANCE * largest(wanted));
  });
});

describe("UNet2DConditionModel has the names and shapes of", () => {
  it.each([
    "stable-diffusion-v1-5",
    "stable-diffusion-inpainting",
    "stable-diffusion-2-1",
    "stable-diffusion-x4-upscaler",
    "lcm-dreamshaper-v7",
    "stable-diffusion-xl-base-1.0",
  ])("%s", async (name) => {
    const { config, parameters: count, tensors, digest } = (await readJson("full")).models[name];
    const found = parameters(unet2dCondition(unet2dConditionSchema.parse(config), blank));
    expect(found.size).toBe(tensors);
    expect([...found.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0)).toBe(count);
    const lines = [...found].map(([key, { shape }]) => `${key} ${shape.join(",")}`).sort();
    expect(createHash("sha256").update(lines.join("\n")).digest("hex")).toBe(digest);
  });
});

const small = {
  block_out_channels: [8, 16],
  down_block_types: ["CrossAttnDownBlock2D", "DownBlock2D"],
  up_block_types: ["UpBlock2D", "CrossAttnUpBlock2D"],
  cross_attention_dim: 12,
  norm_num_groups: 4,
  attention_head_dim: 4,
};
const parse = (changes: object) => unet2dConditionSchema.safeParse({ ...small, ...changes });
const complaint = (changes: object): string =>
  parse(changes)
    .error?.issues.map(({ message, path }) => `${path.join(".")} ${message}`)
    .join("; ") ?? "none";

describe("configurations of UNet2DConditionModel", () => {
  it.each([
    [{ attention_head_dim: [4, 4, 4] }, "as many of attention_head_dim as block_out_channels (2)"],
    [{ up_block_types: ["UpBlock2D"] }, "as many of up_block_types as block_out_channels (2)"],
    [{ attention_head_dim: 3 }, "channels divisible by attention_head_dim, not 8 by 3"],
    [{ norm_num_groups: 3 }, "channels divisible by norm_num_groups, not 8 by 3"],
    [{ down_block_types: ["DownBlock2D", "KDownBlock2D"] }, "CrossAttnDownBlock2D or DownBlock2D"],
    [{ class_embed_type: "projection" }, "projection_class_embeddings_input_dim, not null"],
    [
      { addition_embed_type: "text_time", projection_class_embeddings_input_dim: 8 },
      "addition_time_embed_dim, not null",
    ],
    [{ addition_embed_type: "text_image" }, "expected text_time"],
    [{ encoder_hid_dim_type: "image_proj" }, "expected null"],
    [{ dual_cross_attention: true }, "expected false"],
    [{ transformer_layers_per_block: [[1, 1], 1] }, "reverse_transformer_layers_per_block"],
    [{ wheels: 4 }, "wheels"],
  ])("%j are refused by name", (changes, words) => {
    expect(complaint(changes)).toContain(words);
  });

  it("with what diffusers writes beside are taken", () => {
    expect(complaint({ _class_name: "UNet2DConditionModel", _diffusers_version: "0.6.0" })).toBe("none");
  });
});

describe("UNet2DConditionModel refuses", () => {
  const net = unet2dCondition(unet2dConditionSchema.parse(small), blank);
  const [sample, timestep] = [input([2, 4, 8, 8]), input([2])];
  it("images of other channels, naming its own", () => {
    const states = input([2, 5, 12]);
    expect(() => net.forward(input([2, 3, 8, 8]), timestep, { states })).toThrow("images [2, 4, any, any]");
  });
  it("states of another width, as of another text encoder", () => {
    expect(() => net.forward(sample, timestep, { states: input([2, 5, 16]) })).toThrow("[2, any, 12]");
  });
  it("what it has no use for", () => {
    const inputs = { states: input([2, 5, 12]), classLabels: input([2], "int32") };
    expect(() => net.forward(sample, timestep, inputs)).toThrow("no classLabels");
  });
  it("to go without the sizes that it is told", () => {
    const wanting = unet2dCondition(
      unet2dConditionSchema.parse({
        ...small,
        addition_embed_type: "text_time",
        addition_time_embed_dim: 4,
        projection_class_embeddings_input_dim: 34,
      }),
      blank,
    );
    const inputs = { states: input([2, 5, 12]), textEmbeds: input([2, 10]) };
    expect(() => wanting.forward(sample, timestep, inputs)).toThrow("timeIds");
  });
});

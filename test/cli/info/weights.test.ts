import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Generator } from "../../../src/base/index.ts";
import { describeWeights } from "../../../src/cli/info/weights.ts";
import { writeSafetensors } from "../../../src/formats/index.ts";

const url = (path: string) => fileURLToPath(new URL(`../../fixtures/${path}`, import.meta.url));
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "info-"));
});
afterAll(() => rm(root, { recursive: true }));

type Sizes = readonly number[];
let files = 0;
/** A file of tensors with such names and shapes. */
const fileOf = async (
  shapes: Readonly<Record<string, Sizes>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<string> => {
  const random = new Generator(1);
  const tensors = new Map(Object.entries(shapes).map(([name, shape]) => [name, random.normal(shape)]));
  const path = join(root, `file-${files++}.safetensors`);
  await writeFile(path, writeSafetensors(tensors, metadata));
  return path;
};
const textOf = async (path: string): Promise<string> => (await describeWeights(path)).join("\n");

describe("a single file in the original layout", () => {
  const original = async (name: string, more: Readonly<Record<string, Sizes>> = {}) => {
    const { original } = JSON.parse(await readFile(url(`original-layout/${name}.json`), "utf8"));
    const shapes = Object.entries<string>(original).map(([key, shape]) => [
      key,
      shape ? shape.split("x").map(Number) : [],
    ]);
    return fileOf({ ...Object.fromEntries(shapes), ...more }, { "modelspec.title": "Fox\nworld" });
  };

  it.each([
    ["sd1", "Stable Diffusion 1.x, for text to image", "StableDiffusionPipeline", /--tokenizer.*endoftext/],
    ["sd1-inpainting", "Stable Diffusion 1.x, for inpainting", "StableDiffusionInpaintPipeline", /endoftext/],
    ["sd2", "Stable Diffusion 2.x, for text to image", "StableDiffusionPipeline", /padded with !/],
    ["upscaler", "Stable Diffusion 2.x, the ×4 upscaler", "StableDiffusionUpscalePipeline", /padded with !/],
    ["sdxl", "Stable Diffusion XL, for text to image", "StableDiffusionXLPipeline", /the second with !/],
  ])("%s is %s", async (name, kind, className, needs) => {
    const text = await textOf(await original(name));
    expect(text).toContain(`kind          ${kind}`);
    expect(text).toMatch(new RegExp(`^pipeline +${className}$`, "m"));
    expect(text).toMatch(/^unet +UNet2DConditionModel, [\d,]+ parameters, F32, /m);
    expect(text).toMatch(/^predicts +(epsilon|v_prediction)/m);
    expect(text).toMatch(/^metadata +modelspec\.title: Fox world$/m);
    expect(text).toMatch(needs);
    // The fixtures are narrower than any published model: what cannot be is said by name.
    expect(text).toMatch(/^supported +no: unet: .*norm_num_groups/m);
    expect(text).not.toMatch(/tokenizer: expected/);
  });

  it("says that averaged weights are there, and what is not needed", async () => {
    const text = await textOf(await original("sd1"));
    expect(text).toMatch(/^averages +of the U-Net's weights are there too$/m);
    expect(text).toMatch(/^not needed +497 tensors$/m);
  });

  it("of another model is told of by name, and by what it holds", async () => {
    const text = await textOf(await fileOf({ "model.diffusion_model.double_blocks.0.x": [2, 3] }));
    expect(text).toMatch(/^supported +no: .*got FLUX$/m);
    expect(text).toMatch(/^tensors +1: 6 parameters, F32, 24 B$/m);
  });
});

describe("a LoRA", () => {
  it.each([
    ["kohya", ["text_encoder  12 layers of rank 2", "unet          78 layers of rank 4"]],
    ["peft", ["text_encoder  10 layers of rank 4", "unet          62 layers of rank 1, 2, 3"]],
    ["diffusers", ["text_encoder  8 layers of rank 3", "unet          32 layers of rank 2"]],
    ["processor", ["unet          32 layers of rank 2"]],
  ])("in the spelling of %s is told of by networks and ranks", async (name, wanted) => {
    const rows = await describeWeights(url(`lora/${name}.safetensors`));
    expect(rows).toEqual(expect.arrayContaining(["kind          a LoRA", ...wanted, "supported     yes"]));
  });

  it.each([
    [768, {}, "Stable Diffusion 1.x"],
    [1024, {}, "Stable Diffusion 2.x"],
    [2048, {}, "Stable Diffusion XL"],
    [9, {}, "not known"],
    [9, { ss_base_model_version: "sdxl_base_v1-0" }, "Stable Diffusion XL"],
  ])("that attends to %d channels, with %j, is of %s", async (width, metadata, base) => {
    const module = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k";
    const shapes = { [`${module}.lora_A.weight`]: [4, width], [`${module}.lora_B.weight`]: [8, 4] };
    expect(await describeWeights(await fileOf(shapes, metadata))).toContain(`base          ${base}`);
  });

  it("of another method, or with layers of other networks, is not supported, by name", async () => {
    const text = await textOf(await fileOf({ "lora_unet_down_blocks_0.hada_w1_a": [4, 4] }));
    expect(text).toMatch(/^kind +LoHa$/m);
    expect(text).toMatch(/^supported +no: .*got LoHa$/m);
    const other = await textOf(
      await fileOf({ "transformer.x.lora_A.weight": [4, 4], "transformer.x.lora_B.weight": [4, 4] }),
    );
    expect(other).toMatch(/^other networks 1 layer of rank 4$/m);
    expect(other).toMatch(
      /^supported +no: .*transformer\.x\.lora_A\.weight, transformer\.x\.lora_B\.weight$/m,
    );
  });
});

describe("a textual inversion", () => {
  it("is told of by its word, its vectors and their base", async () => {
    const text = await textOf(await fileOf({ "<cat>": [3, 768] }));
    expect(text).toMatch(/^word +<cat>$/m);
    expect(text).toMatch(/^base +3 vectors of 768: Stable Diffusion 1\.x/m);
    expect(text).toMatch(/--embedding /);
  });

  it("for both encoders of XL has a row for each, and the file's name as its word", async () => {
    const path = await fileOf({ clip_g: [1, 1280], clip_l: [1, 768] });
    const text = await textOf(path);
    expect(text).toMatch(/^word +file-\d+$/m);
    expect(text).toMatch(/^text_encoder +1 vector of 768/m);
    expect(text).toMatch(/^text_encoder_2 1 vector of 1280/m);
  });
});

describe("another safetensors file", () => {
  it.each([
    [
      "first_stage_model.encoder.down.0.block.0.conv1.weight",
      /an autoencoder \(VAE\) in Stable Diffusion's original/,
    ],
    ["decoder.up_blocks.0.resnets.0.conv1.weight", /weights of an AutoencoderKL/],
    ["encoder.layers.0.weight", /weights of an AutoencoderTiny/],
    [
      "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight",
      /weights of a UNet2DConditionModel/,
    ],
    ["down_blocks.0.resnets.0.conv1.weight", /weights of a U-Net/],
    ["text_model.final_layer_norm.weight", /CLIP text encoder/],
    ["control_model.input_hint_block.0.weight", /ControlNet, which is not supported/],
    ["double_blocks.0.img_attn.qkv.weight", /transformer .*which is not supported/],
    ["x.weight", /of a kind that is not known/],
  ])("with %s is %s", async (name, kind) => {
    const rows = await describeWeights(await fileOf({ [name]: [2, 3], "zero.bias": [3] }, { format: "pt" }));
    expect(rows[0]).toMatch(kind);
    expect(rows).toContain("tensors       2: 9 parameters, F32, 36 B");
    expect(rows).toContain("metadata      format: pt");
    expect(rows).toContain(`such as       ${name} F32 [2, 3]`);
  });

  it("cuts long metadata, and says how long it was", async () => {
    const text = await textOf(await fileOf({ "x.weight": [1] }, { recipe: "a".repeat(500) }));
    expect(text).toMatch(/^metadata +recipe: a{100} … \(500 letters\)$/m);
  });

  it("that holds nothing is told of too", async () => {
    expect(await textOf(await fileOf({}))).toMatch(/^tensors +0: 0 parameters, 0 B$/m);
  });

  it("is refused where it is a pickle, with the way out, and where it is damaged", async () => {
    const pickle = join(root, "model.ckpt");
    await writeFile(pickle, "PK\u0003\u0004");
    await expect(describeWeights(pickle)).rejects.toThrow(/pickle.*weights_only=True/s);
    const cut = join(root, "cut.safetensors");
    await writeFile(cut, (await readFile(await fileOf({ "x.weight": [8] }))).subarray(0, 50));
    await expect(describeWeights(cut)).rejects.toThrow(cut);
  });
});

describe("a file of undiffuse's own", () => {
  it("that was packed says how many parameters its network has", async () => {
    const packed = fileURLToPath(new URL("../../../models/emoji.safetensors", import.meta.url));
    expect(await textOf(packed)).toMatch(/^network +[1-9][\d,]+ parameters$/m);
  });

  it("that is a classifier says of what", async () => {
    const about = {
      data: { name: "digits", images: 10 },
      classes: ["0", "1"],
      heldOut: { images: 5, accuracy: 0.8 },
    };
    const path = await fileOf({ "x.weight": [2] }, { "undiffuse-classifier": JSON.stringify(about) });
    expect(await describeWeights(path)).toEqual([
      "kind          a classifier of undiffuse, of 10 images of digits",
      "classes       0, 1",
      "reads         80.0% of 5 held-out images",
      "tensors       1: 2 parameters, F32, 8 B",
    ]);
  });
});

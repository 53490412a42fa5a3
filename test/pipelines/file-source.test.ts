import { cp, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { Generator, type NDArray } from "../../src/base/index.ts";
import {
  openSafetensors,
  type ReadProgress,
  readOriginalLayout,
  renameTensors,
  writeSafetensors,
} from "../../src/formats/index.ts";
import { fileSource } from "../../src/pipelines/index.ts";

const url = (name: string) => new URL(`../fixtures/original-layout/${name}.json`, import.meta.url);
const tokenizer = fileURLToPath(new URL("../fixtures/clip/byte-pairs/", import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "files-"));

/** A file in the original layout, of tensors that tell of their places. */
const written = async (name: string): Promise<{ path: string; tensors: Map<string, NDArray> }> => {
  const { original } = JSON.parse(await readFile(url(name), "utf8"));
  const random = new Generator(1);
  const tensors = new Map(
    Object.entries<string>(original).map(([key, shape]) => [
      key,
      random.normal(shape ? shape.split("x").map(Number) : []),
    ]),
  );
  const path = join(folder, `${name}.safetensors`);
  await writeFile(path, writeSafetensors(tensors));
  return { path, tensors };
};

describe("a single file", () => {
  it.each([
    ["sd1", "StableDiffusionPipeline", ["unet", "vae", "text_encoder", "scheduler", "tokenizer"]],
    [
      "sd1-inpainting",
      "StableDiffusionInpaintPipeline",
      ["unet", "vae", "text_encoder", "scheduler", "tokenizer"],
    ],
    ["upscaler", "StableDiffusionUpscalePipeline", ["low_res_scheduler", "unet"]],
    ["sdxl", "StableDiffusionXLPipeline", ["text_encoder_2", "tokenizer_2", "unet"]],
  ])("in the form of %s is a %s with the parts of one", async (name, className, parts) => {
    const { path } = await written(name);
    const source = await fileSource(path, { tokenizer });
    expect(source.className).toBe(className);
    expect(source.parts).toEqual(expect.arrayContaining(parts));
  });

  it("has tensors under diffusers' names, read as they are asked for", async () => {
    const { path, tensors } = await written("sd2");
    const source = await fileSource(path, { tokenizer });
    const layout = readOriginalLayout(tensors, { name: path });
    for (const part of ["unet", "vae", "text_encoder"] as const) {
      const { weights, config } = await source.component(part);
      const wanted = renameTensors(tensors, layout[part].rules);
      expect(config).toEqual(layout[part].config);
      const shapes = [...(weights?.tensors ?? [])].map(([key, { shape }]) => [key, shape]);
      expect(shapes).toEqual([...wanted].map(([key, { shape }]) => [key, shape]));
      const all = await weights?.readAll();
      for (const [key, value] of wanted) expect(all?.get(key)?.data).toEqual(value.data);
      const [first] = wanted.keys();
      expect((await weights?.read(first as string))?.data).toEqual(wanted.get(first as string)?.data);
      await weights?.close();
    }
  });

  it("says of each tensor the bytes that are its own, so that parts add up to what the file has", async () => {
    const { path } = await written("sd2");
    const source = await fileSource(path);
    const { weights } = await source.component("text_encoder");
    const inFile = await openSafetensors(path);
    const block = "encoder.layers.0.self_attn";
    const stored = [...(weights?.tensors ?? [])].filter(([name]) => name.includes(`${block}.`));
    const whole = [...inFile.tensors.values()].find(({ name }) =>
      name.endsWith("resblocks.0.attn.in_proj_weight"),
    );
    const thirds = ["q_proj", "k_proj", "v_proj"].map(
      (name) => stored.find(([key]) => key.endsWith(`${name}.weight`))?.[1],
    );
    expect(thirds.map((each) => each?.bytes)).toEqual([1, 1, 1].map((n) => (n * (whole?.bytes ?? 0)) / 3));
    expect(thirds.map((each) => (each?.offset ?? 0) - (whole?.offset ?? 0))).toEqual(
      [0, 1, 2].map((n) => (n * (whole?.bytes ?? 0)) / 3),
    );
    const told: ReadProgress[] = [];
    await weights?.readAll((progress) => told.push(progress));
    const total = [...(weights?.tensors.values() ?? [])].reduce((sum, { bytes }) => sum + bytes, 0);
    expect(told.at(-1)).toEqual({ bytes: total, total });
    await weights?.close();
    await inFile.close();
  });

  it("gives averaged weights in place of the last ones where they are asked for", async () => {
    const { path, tensors } = await written("sd1");
    const { weights } = await (await fileSource(path, { ema: true })).component("unet");
    const read = await weights?.read("conv_in.weight");
    expect(read?.data).toEqual(tensors.get("model_ema.diffusion_modelinput_blocks00weight")?.data);
    await weights?.close();
    const { path: without } = await written("sd2");
    await expect(fileSource(without, { ema: true })).rejects.toThrow(/averaged weights .*got none/);
  });

  it("of XL takes both tokenizers of a folder, or the second beside the first, and says what it lacks", async () => {
    const { path } = await written("sdxl");
    const both = join(folder, "both");
    await cp(tokenizer, join(both, "tokenizer"), { recursive: true });
    const folderOf = async (given: string, name: string) =>
      (await (await fileSource(path, { tokenizer: given })).component(name)).folder;
    await expect(folderOf(both, "tokenizer_2")).rejects.toThrow(
      /expected a tokenizer_2 beside it, which fills short prompts with !, got none.*both tokenizers/s,
    );
    await cp(tokenizer, join(both, "tokenizer_2"), { recursive: true });
    for (const given of [both, join(both, "tokenizer"), `${join(both, "tokenizer")}/`]) {
      expect(await folderOf(given, "tokenizer")).toMatch(/both\/tokenizer\/?$/);
      expect(await folderOf(given, "tokenizer_2")).toBe(join(both, "tokenizer_2"));
    }
    await expect(folderOf(both, "tokenizer_3")).rejects.toThrow(/expected tokenizer_3, got none/);
  });

  it("asks for a tokenizer, which it has none of, and says where one is", async () => {
    const { path } = await written("sd1");
    const source = await fileSource(path);
    await expect(source.component("tokenizer")).rejects.toThrow(
      /expected a tokenizer beside it, which fills short prompts with <\|endoftext\|>, got none.*vocab\.json/s,
    );
    expect((await (await fileSource(path, { tokenizer })).component("tokenizer")).folder).toBe(tokenizer);
  });

  it("is refused as a pickle, and where it is something else", async () => {
    await expect(fileSource("model.ckpt")).rejects.toThrow(/pickle.*weights_only=True/s);
    const path = join(folder, "other.safetensors");
    await writeFile(path, writeSafetensors(new Map([["x", new Generator(1).normal([2])]])));
    await expect(fileSource(path)).rejects.toThrow(path);
  });
});

import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { Generator, type NDArray } from "../../src/base/index.ts";
import { readOriginalLayout, renameTensors, writeSafetensors } from "../../src/formats/index.ts";
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

  it("asks for a tokenizer, which it has none of, and says where one is", async () => {
    const { path } = await written("sd1");
    const source = await fileSource(path);
    await expect(source.component("tokenizer")).rejects.toThrow(
      /expected a tokenizer beside it, got none.*vocab\.json/s,
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

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ArgumentError, FileError, NDArray, NonFiniteError } from "../../src/base/index.ts";
import {
  type NewComponent,
  openComponent,
  openModelFolder,
  readModelIndex,
  writeDiffusersFolder,
  writeModelFolder,
} from "../../src/formats/index.ts";

const ddpm = fileURLToPath(new URL("../fixtures/folders/ddpm", import.meta.url));

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "folder-"));
  path = join(folder, "new");
});
afterEach(() => rm(folder, { recursive: true }));

const json = async (file: string) => JSON.parse(await readFile(file, "utf8"));
const tensors = new Map([["a", NDArray.of([1, 0.1])]]);
const unet: NewComponent = {
  library: "diffusers",
  className: "UNet2DModel",
  config: { sample_size: 8 },
  tensors,
};
const text: NewComponent = {
  library: "transformers",
  className: "CLIPTextModel",
  config: { hidden_size: 8 },
  tensors,
};
const tokenizer: NewComponent = {
  library: "transformers",
  className: "CLIPTokenizer",
  config: { model_max_length: 77 },
  files: { "vocab.json": '{"a":0}', "merges.txt": new TextEncoder().encode("a b\n") },
};

describe("writeDiffusersFolder", () => {
  const write = (options = {}) =>
    writeDiffusersFolder(
      path,
      {
        className: "P",
        components: { unet, text_encoder: text, tokenizer, safety_checker: null },
        settings: { requires_safety_checker: false },
      },
      options,
    );

  it("writes the files that Python looks for", async () => {
    await write();
    expect((await readdir(path, { recursive: true })).sort()).toEqual([
      "model_index.json",
      "text_encoder",
      "text_encoder/config.json",
      "text_encoder/model.safetensors",
      "tokenizer",
      "tokenizer/merges.txt",
      "tokenizer/tokenizer_config.json",
      "tokenizer/vocab.json",
      "unet",
      "unet/config.json",
      "unet/diffusion_pytorch_model.safetensors",
    ]);
    expect(await json(join(path, "text_encoder/config.json"))).toEqual({
      architectures: ["CLIPTextModel"],
      hidden_size: 8,
    });
    expect(await readdir(folder)).toEqual(["new"]);
  });

  it("is read back as it was", async () => {
    await write();
    const { className, components, settings } = await readModelIndex(path);
    expect({ className, settings }).toEqual({ className: "P", settings: { requires_safety_checker: false } });
    expect(components.get("safety_checker")).toBeNull();
    const { weights, config } = await openComponent(path, "unet");
    expect(config).toMatchObject({ _class_name: "UNet2DModel", sample_size: 8 });
    expect(weights?.metadata).toEqual({ format: "pt" });
    expect(await weights?.readAll()).toEqual(tensors);
    await weights?.close();
  });

  it("writes halves as the variant fp16", async () => {
    await write({ half: true });
    await expect(openComponent(path, "unet")).rejects.toThrow(/ask for the variant fp16/);
    const { weights } = await openComponent(path, "unet", { variant: "fp16" });
    expect((await weights?.read("a"))?.data[1]).toBe(1638 / 2 ** 14);
    await weights?.close();
  });

  it("gives back a folder of Python's: configurations in its order, weights to the bit", async () => {
    const [model, scheduler] = await Promise.all([
      openComponent(ddpm, "unet"),
      openComponent(ddpm, "scheduler"),
    ]);
    const state = await model.weights?.readAll();
    await model.weights?.close();
    const library = "diffusers";
    await writeDiffusersFolder(path, {
      className: "DDPMPipeline",
      components: {
        unet: { library, className: model.className, config: model.config, ...(state && { tensors: state }) },
        scheduler: { library, className: scheduler.className, config: scheduler.config },
      },
    });
    for (const file of ["model_index.json", "unet/config.json", "scheduler/scheduler_config.json"])
      expect(Object.entries(await json(join(path, file)))).toEqual(
        Object.entries(await json(join(ddpm, file))),
      );
    const { weights } = await openModelFolder(join(path, "unet"));
    expect(new Map([...((await weights?.readAll()) ?? [])].sort())).toEqual(
      new Map([...(state ?? [])].sort()),
    );
    await weights?.close();
  });

  it("writes nothing when a weight is NaN or infinite, and lists where", async () => {
    const bad = new Map([
      ["good", NDArray.of([1])],
      ["nan", NDArray.of([1, Number.NaN])],
      ["far", NDArray.of([-Infinity])],
    ]);
    const writing = writeDiffusersFolder(path, {
      className: "P",
      components: { unet: { ...unet, tensors: bad } },
    });
    await expect(writing).rejects.toThrow(NonFiniteError);
    await expect(writing).rejects.toThrow("unet: expected finite weights, got NaN or infinity in nan, far");
    expect(await readdir(folder)).toEqual([]);
  });

  it("leaves nothing when a weight does not fit float16, and names it", async () => {
    const large = { ...unet, tensors: new Map([["far.weight", NDArray.of([70_000])]]) };
    await expect(
      writeDiffusersFolder(
        path,
        { className: "P", components: { text_encoder: text, unet: large } },
        { half: true },
      ),
    ).rejects.toThrow(/new\/unet\/.*fp16\.safetensors: .*"far.weight" has 70000, which float16 cannot hold/);
    expect(await readdir(folder)).toEqual([]);
  });

  it("refuses to write over a folder, or outside of it", async () => {
    await write();
    await expect(write()).rejects.toThrow(FileError);
    const outside = { className: "P", components: { "../out": unet } };
    await expect(writeDiffusersFolder(join(folder, "b"), outside)).rejects.toThrow(ArgumentError);
    const escaping = { ...tokenizer, files: { "../../out": "x" } };
    await expect(writeModelFolder(join(folder, "b"), escaping)).rejects.toThrow(ArgumentError);
    expect(await readdir(folder)).toEqual(["new"]);
  });
});

describe("writeModelFolder", () => {
  it("writes one model, of which the folder is its own", async () => {
    await writeModelFolder(path, text, { half: true });
    const { className, weights, variant } = await openModelFolder(path, { variant: "fp16" });
    await weights?.close();
    expect({ className, variant }).toEqual({ className: "CLIPTextModel", variant: "fp16" });
  });
});

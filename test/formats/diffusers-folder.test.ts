import { execFileSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, rename, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileError, NDArray } from "../../src/base/index.ts";
import {
  type Component,
  openComponent,
  openModelFolder,
  readModelIndex,
  writeSafetensors,
} from "../../src/formats/index.ts";
import expected from "../fixtures/folders/expected.json" with { type: "json" };

const fixtures = fileURLToPath(new URL("../fixtures/folders/", import.meta.url));
const ddpm = join(fixtures, "ddpm");

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "folder-"));
});
afterEach(() => rm(folder, { recursive: true }));

const put = async (path: string, content: unknown = {}): Promise<void> => {
  await mkdir(join(folder, path, ".."), { recursive: true });
  const plain = typeof content === "string" || content instanceof Uint8Array;
  await writeFile(join(folder, path), plain ? content : JSON.stringify(content));
};
const weights = (value: number) => writeSafetensors(new Map([["a", NDArray.of([value])]]));
const pipeline = (components: object) => put("model_index.json", { _class_name: "P", ...components });
const model = { _class_name: "UNet2DModel" };

/** What the only tensor holds. */
const onlyValue = async ({ weights }: Component): Promise<number | undefined> => {
  const array = await weights?.read("a");
  await weights?.close();
  return array?.data[0];
};

/** Compares every tensor with what Python says of it. */
const expectTensors = async (
  component: Component,
  state: Readonly<Record<string, { shape: readonly number[]; head: readonly number[]; sum: number }>>,
): Promise<void> => {
  const arrays = await component.weights?.readAll();
  await component.weights?.close();
  expect([...(arrays?.keys() ?? [])].sort()).toEqual(Object.keys(state).sort());
  for (const [name, { shape, head, sum }] of Object.entries(state)) {
    const array = arrays?.get(name) as NDArray;
    expect(array.shape, name).toEqual(shape);
    expect([...array.data.slice(0, 4)], name).toEqual(head.map(Math.fround));
    // Sums of at most 2,000 numbers below 1, in doubles: the order of adding changes the last digits only.
    expect(
      [...array.data].reduce((total, value) => total + value, 0),
      name,
    ).toBeCloseTo(sum, 9);
  }
};

describe("a pipeline's folder that Python wrote", () => {
  it("says what it consists of", async () => {
    expect(await readModelIndex(ddpm)).toEqual({
      className: "DDPMPipeline",
      components: new Map([
        ["scheduler", { library: "diffusers", className: "DDPMScheduler" }],
        ["unet", { library: "diffusers", className: "UNet2DModel" }],
      ]),
      settings: {},
    });
  });

  it("gives a model of several files", async () => {
    const unet = await openComponent(ddpm, "unet");
    expect(unet).toMatchObject({ className: "UNet2DModel", folder: join(ddpm, "unet"), variant: undefined });
    expect(unet.config).toMatchObject({ sample_size: 8, block_out_channels: [8, 8] });
    await expectTensors(unet, expected.unet);
  });

  it("gives its variant in float16, each number the nearest to the float32", async () => {
    const [half, single] = await Promise.all([
      openComponent(ddpm, "unet", { variant: "fp16" }),
      openComponent(ddpm, "unet"),
    ]);
    expect(half.variant).toBe("fp16");
    expect(half.weights?.tensors.get("conv_in.weight")?.dtype).toBe("F16");
    const [rounded, full] = await Promise.all([half.weights?.readAll(), single.weights?.readAll()]);
    await Promise.all([half.weights?.close(), single.weights?.close()]);
    for (const [name, array] of full ?? [])
      array.data.forEach((value, i) => {
        // Half of a unit in the last place of 11 bits, or of a subnormal.
        expect(Math.abs((rounded?.get(name)?.data[i] ?? Number.NaN) - value)).toBeLessThanOrEqual(
          Math.max(Math.abs(value) * 2 ** -11, 2 ** -25),
        );
      });
  });

  it("gives a scheduler without weights, whatever the variant", async () => {
    const { className, config, weights: none } = await openComponent(ddpm, "scheduler", { variant: "fp16" });
    expect({ className, none }).toEqual({ className: "DDPMScheduler", none: null });
    expect(config).toMatchObject({ beta_schedule: "squaredcos_cap_v2" });
  });

  it("opens a folder of one model of either library", async () => {
    const clip = await openModelFolder(join(fixtures, "clip"));
    expect(clip.className).toBe("CLIPTextModel");
    await expectTensors(clip, expected.clip);
    expect((await openModelFolder(join(ddpm, "scheduler"))).className).toBe("DDPMScheduler");
  });

  it("opens folders whose files are links out of them, as in Python's cache", async () => {
    await mkdir(join(folder, "unet"));
    await symlink(join(ddpm, "model_index.json"), join(folder, "model_index.json"));
    await symlink(join(ddpm, "unet", "config.json"), join(folder, "unet", "config.json"));
    const name = "diffusion_pytorch_model.fp16.safetensors";
    await symlink(join(ddpm, "unet", name), join(folder, "unet", name));
    const { weights: source } = await openComponent(folder, "unet", { variant: "fp16" });
    expect(source?.tensors.size).toBe(Object.keys(expected.unet).length);
    await source?.close();
  });
});

describe("readModelIndex", () => {
  it("keeps nulls and the pipeline's own options apart", async () => {
    await pipeline({
      _diffusers_version: "0.30.0",
      unet: ["diffusers", "UNet2DConditionModel"],
      safety_checker: [null, null],
      requires_safety_checker: false,
      text_encoder: ["transformers", "CLIPTextModel"],
    });
    const { components, settings } = await readModelIndex(folder);
    expect([...components.keys()]).toEqual(["unet", "safety_checker", "text_encoder"]);
    expect(components.get("safety_checker")).toBeNull();
    expect(settings).toEqual({ requires_safety_checker: false });
  });

  const names = ["../unet", "/etc", "..", "", "a/b", "a\\b", "C:", "a\u0000"];
  it.each(names)("refuses a component whose folder would be %j", async (name) => {
    await pipeline({ [name]: ["diffusers", "UNet2DModel"] });
    await expect(readModelIndex(folder)).rejects.toThrow(`its own folder, got ${JSON.stringify(name)}`);
  });

  const strange: Record<string, string> = {
    "no JSON": "{",
    "an array": "[]",
    "brackets nested deeply": `{"a":${"[".repeat(1_000_000)}`,
    "whole brackets nested deeply": `{"_class_name":"P","a":${"[".repeat(200_000)}${"]".repeat(200_000)}}`,
    "no class": "{}",
    "a class that is a number": '{"_class_name": 1}',
    "a component of numbers": '{"_class_name": "P", "unet": [1, 2]}',
    "a component without a library": '{"_class_name": "P", "unet": [null, "UNet2DModel"]}',
    "a component named __proto__": '{"_class_name": "P", "__proto__": ["diffusers", "UNet2DModel"]}',
    "an escaped __proto__ deep inside": '{"_class_name": "P", "a": {"b": {"__pro\\u0074o__": {"x": 1}}}}',
  };
  it.each(Object.entries(strange))("refuses %s with a FileError", async (_, text) => {
    await put("model_index.json", text);
    await expect(readModelIndex(folder)).rejects.toThrow(FileError);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  it("refuses one that is huge, a folder or a pipe, without reading or waiting", async () => {
    await put("model_index.json", "{}");
    await truncate(join(folder, "model_index.json"), 2 ** 33);
    await expect(readModelIndex(folder)).rejects.toThrow("JSON of at most 100000000 bytes, got 8589934592");
    await rm(join(folder, "model_index.json"));
    execFileSync("mkfifo", [join(folder, "model_index.json")]);
    await expect(readModelIndex(folder)).rejects.toThrow("got no file");
    await expect(readModelIndex(join(folder, "none"))).rejects.toThrow(/got ENOENT/);
  });
});

describe("openComponent", () => {
  const unetOf = (variant?: string) => openComponent(folder, "unet", { variant });
  beforeEach(async () => {
    await pipeline({
      unet: ["diffusers", "UNet2DModel"],
      vae: ["diffusers", "AutoencoderKL"],
      off: [null, null],
    });
    await put("unet/config.json", model);
  });

  it("takes the variant that is asked for and no other", async () => {
    await put("unet/diffusion_pytorch_model.safetensors", weights(1));
    await put("unet/diffusion_pytorch_model.fp16.safetensors", weights(2));
    await put("unet/diffusion_pytorch_model.non_ema.safetensors", weights(3));
    expect(await onlyValue(await unetOf())).toBe(1);
    expect(await onlyValue(await unetOf("fp16"))).toBe(2);
    expect(await onlyValue(await unetOf("non_ema"))).toBe(3);
    await expect(unetOf("bf16")).rejects.toThrow(
      /weights of variant bf16 as safetensors, got variant fp16, variant non_ema, weights without a variant/,
    );
  });

  it("takes the index of a variant, and never one of its files", async () => {
    await put("unet/diffusion_pytorch_model.fp16-00001-of-00001.safetensors", weights(4));
    await put("unet/diffusion_pytorch_model.safetensors.index.fp16.json", {
      weight_map: { a: "diffusion_pytorch_model.fp16-00001-of-00001.safetensors" },
    });
    expect(await onlyValue(await unetOf("fp16"))).toBe(4);
    await expect(unetOf()).rejects.toThrow(/got variant fp16\n {2}hint: ask for the variant fp16/);
  });

  it("gives plain weights for a variant that only another component has, and says so", async () => {
    await put("unet/diffusion_pytorch_model.safetensors", weights(1));
    await put("vae/diffusion_pytorch_model.fp16.safetensors", weights(2));
    const unet = await unetOf("fp16");
    expect(unet.variant).toBeUndefined();
    expect(await onlyValue(unet)).toBe(1);
    await expect(unetOf("bf16")).rejects.toThrow(
      /got weights without a variant\n {2}hint: leave the variant out/,
    );
  });

  it("takes components that lie side by side in the pipeline's own folder", async () => {
    await rm(join(folder, "unet"), { recursive: true });
    await pipeline({ unet: ["diffusers", "UNet2DModel"], scheduler: ["diffusers", "DDPMScheduler"] });
    await put("config.json", model);
    await put("scheduler_config.json", { _class_name: "DDPMScheduler", beta_end: 0.5 });
    await put("diffusion_pytorch_model.safetensors", weights(5));
    expect(await onlyValue(await unetOf())).toBe(5);
    expect((await openComponent(folder, "scheduler")).config.beta_end).toBe(0.5);
  });

  it("gives tokenizers and image processors as configuration and folder", async () => {
    await pipeline({
      tokenizer: ["transformers", "CLIPTokenizer"],
      feature_extractor: ["transformers", "CLIPImageProcessor"],
    });
    await put("tokenizer/tokenizer_config.json", { model_max_length: 77 });
    await put("tokenizer/vocab.json");
    await put("feature_extractor/preprocessor_config.json", { crop_size: 224 });
    const tokenizer = await openComponent(folder, "tokenizer");
    expect(tokenizer).toMatchObject({
      className: "CLIPTokenizer",
      folder: join(folder, "tokenizer"),
      weights: null,
    });
    expect(tokenizer.config.model_max_length).toBe(77);
    expect((await openComponent(folder, "feature_extractor")).config.crop_size).toBe(224);
  });

  it("refuses pickles, with the reason and the way out", async () => {
    await put("unet/diffusion_pytorch_model.bin", "x");
    await expect(unetOf()).rejects.toThrow(
      /unet: expected weights as safetensors, got only diffusion_pytorch_model\.bin, pickles, which may run any code.*\n {2}hint: convert them in Python.*save_pretrained/s,
    );
  });

  it("says that a file which is too short looks like an interrupted download", async () => {
    await put("unet/diffusion_pytorch_model.safetensors", weights(1).subarray(0, -1));
    await expect(unetOf()).rejects.toThrow(
      /diffusion_pytorch_model\.safetensors: .*\n.*interrupted download/,
    );
  });

  it("names what is missing and what is there", async () => {
    await expect(unetOf()).rejects.toThrow("unet: expected weights as safetensors, got only config.json");
    await expect(openComponent(folder, "prior")).rejects.toThrow('a component "prior", got unet, vae, off');
    await expect(openComponent(folder, "off")).rejects.toThrow('a component "off", got null');
    await rename(join(folder, "unet/config.json"), join(folder, "unet/other.json"));
    await expect(unetOf()).rejects.toThrow("unet: expected config.json, got other.json");
  });
});

describe("openModelFolder", () => {
  it("refuses a configuration without a class, and a folder that is none", async () => {
    await put("config.json", { model_type: "clip", architectures: [] });
    await expect(openModelFolder(folder)).rejects.toThrow("under _class_name or architectures, got none");
    await expect(openModelFolder(join(folder, "none"))).rejects.toThrow(/a readable folder, got ENOENT/);
    await expect(openModelFolder(join(folder, "config.json"))).rejects.toThrow(
      /a readable folder, got ENOTDIR/,
    );
  });

  it("finds a model in a copy of the fixture after its variant was removed", async () => {
    await cp(join(ddpm, "unet"), folder, { recursive: true });
    await rm(join(folder, "diffusion_pytorch_model.fp16.safetensors"));
    await expect(openModelFolder(folder, { variant: "fp16" })).rejects.toThrow(/leave the variant out/);
    const config = JSON.parse(await readFile(join(folder, "config.json"), "utf8"));
    const unet = await openModelFolder(folder);
    expect(unet.config).toEqual(config);
    await unet.weights?.close();
  });
});

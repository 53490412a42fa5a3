import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { toPixels, toUnit } from "../../src/data/index.ts";
import { decodeImage, pictureSize, readSafetensors, writeSafetensors } from "../../src/formats/index.ts";
import {
  folderSource,
  openPipeline,
  type PictureRequest,
  type Pipeline,
  type PipelineOptions,
  type Source,
} from "../../src/pipelines/index.ts";
import { fixtureOf, fixtures, folderOf, type PipelineFixture } from "./folder.ts";

/** In grey levels of 255: what the project promises against Python's pipelines for the same seed. */
const TOLERANCE = 2;

const names = [
  "text-to-image",
  "v-prediction",
  "image-to-image",
  "inpaint-four",
  "inpaint-nine",
  "upscale",
  "variation",
  "latent-consistency",
  "turbo",
  "lora",
  "words",
  "xl",
  "xl-image-to-image",
  "xl-turbo",
  "xl-inpaint-four",
  "xl-inpaint-nine",
] as const;
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "pipelines-"));
});
afterAll(() => rm(root, { recursive: true }));

const decoded = async (file: string, channels: 1 | 3): Promise<NDArray> => {
  const path = join(fixtures, file);
  const { height, width } = await pictureSize(path);
  return (await decodeImage(path, { size: [height, width], channels })).reshape([1, channels, height, width]);
};

const additionsOf = async ({ loras = {}, words = [] }: PipelineFixture): Promise<PipelineOptions> => ({
  loras: await Promise.all(
    Object.entries(loras).map(async ([name, scale]) => ({
      ...readSafetensors(await readFile(join(fixtures, `lora-${name}.safetensors`))),
      scale,
    })),
  ),
  words: await Promise.all(
    words.map(async (name) => ({ bytes: await readFile(join(fixtures, `${name}.safetensors`)), name })),
  ),
});

const sourceOf = async (source: Record<string, unknown> | undefined): Promise<Source | undefined> => {
  if (!source) return undefined;
  const image = toUnit(await decoded(source.kind === "upscale" ? "small.png" : "picture.png", 3));
  const mask = (await decoded("mask.png", 1)).map((level) => level / 255);
  return { ...source, image, ...(source.kind === "inpaint" && { mask }) } as unknown as Source;
};

const made = async (pipeline: Pipeline, request: PictureRequest): Promise<NDArray> => {
  const { frames, picture } = await pipeline.generate(request);
  let latents: NDArray | undefined;
  for await (const { x } of frames) latents = x;
  return toPixels(await picture(latents as NDArray));
};

const farthest = (a: NDArray, b: NDArray): number =>
  Math.max(...[...a.data].map((value, i) => Math.abs(value - (b.data[i] as number))));

describe.each(names)("%s gives the pictures of Python's pipeline:", async (name) => {
  const fixture = await fixtureOf(name);
  it.each(fixture.cases.map((each) => [each.picture.replace(/^.*-|\.png$/g, ""), each] as const))(
    "%s",
    async (_, { scheduler, seed, picture }) => {
      const pipeline = await openPipeline(
        await folderSource(await folderOf(root, fixture, scheduler)),
        await additionsOf(fixture),
      );
      const source = await sourceOf(fixture.request.source);
      const { steps } = fixture;
      const pixels = await made(pipeline, { ...fixture.request, source, seed, steps });
      await pipeline.close();
      const wanted = await decoded(picture, 3);
      expect(pixels.shape).toEqual(wanted.shape);
      if (source?.kind !== "inpaint") return expect(farthest(pixels, wanted)).toBeLessThanOrEqual(TOLERANCE);
      // Python lets the decoder change what is kept, which here is the picture's own, bit for bit.
      const free = source.mask;
      const area = free.size;
      pixels.data.forEach((value, i) => {
        if (free.data[i % area])
          expect(Math.abs(value - (wanted.data[i] as number))).toBeLessThanOrEqual(TOLERANCE);
        else expect(value).toBe(toPixels(source.image).data[i]);
      });
    },
  );
});

describe("a pipeline", async () => {
  const fixture = await fixtureOf("text-to-image");
  const { scheduler } = fixture.cases[0] as PipelineFixture["cases"][number];
  const opened = async (options: PipelineOptions = {}) =>
    openPipeline(await folderSource(await folderOf(root, fixture, scheduler)), {
      backend: "onnx",
      ...options,
    });
  const request = { ...fixture.request, source: undefined, steps: 3 };

  it("makes picture k of several as it makes that of seed + k alone", async () => {
    const pipeline = await opened();
    const both = await made(pipeline, { ...request, seed: 5, count: 2 });
    const second = await made(pipeline, { ...request, seed: 6 });
    await pipeline.close();
    expect(farthest(both.rows(1, 2), second)).toBeLessThanOrEqual(1);
  });

  it("stops between evaluations", async () => {
    const pipeline = await opened();
    const controller = new AbortController();
    const { frames } = await pipeline.generate({ ...request, signal: controller.signal });
    await frames.next();
    controller.abort();
    await expect(frames.next()).rejects.toThrow();
    await pipeline.close();
  });

  it("refuses sizes that latents do not fill, sources that it does not begin with, and no prompt", async () => {
    const pipeline = await opened();
    const image = NDArray.zeros([1, 3, 64, 64]);
    const refusals: readonly (readonly [PictureRequest, string])[] = [
      [{ ...request, width: 50 }, "width: expected a multiple of 8 pixels, got 50"],
      [{ ...request, source: { kind: "variation", image } }, "nothing or a picture or a picture and a mask"],
      [{ ...request, prompt: undefined }, "expected a prompt, got none"],
      [
        { ...request, width: 32, source: { kind: "image", image, strength: 0.5 } },
        "32×64 pixels, as asked for",
      ],
      [
        { ...request, width: undefined, source: { kind: "inpaint", image, mask: image, strength: 1 } },
        "one value for each of the picture's pixels",
      ],
    ];
    for (const [wrong, words] of refusals) await expect(pipeline.generate(wrong)).rejects.toThrow(words);
    await pipeline.close();
  });

  it("lists every tensor of a checkpoint that is missing, unknown or of another shape", async () => {
    const folder = await folderOf(root, fixture, scheduler);
    const path = join(folder, "unet", "diffusion_pytorch_model.safetensors");
    const { tensors } = readSafetensors(await readFile(path));
    tensors.delete("conv_in.bias");
    tensors.set("conv_odd.bias", NDArray.zeros([3]));
    tensors.set("conv_out.bias", NDArray.zeros([5]));
    await writeFile(path, writeSafetensors(tensors));
    await expect(openPipeline(await folderSource(folder))).rejects.toThrow(
      /UNet2DConditionModel, got .*no conv_in\.bias.*conv_out\.bias is float32\[5\] instead of float32\[4\].*unknown conv_odd\.bias/,
    );
  });

  it("names NaN in pictures with the remedy, and makes no black ones", async () => {
    const folder = await folderOf(root, fixture, scheduler);
    const path = join(folder, "vae", "diffusion_pytorch_model.safetensors");
    const { tensors } = readSafetensors(await readFile(path));
    const bias = tensors.get("decoder.conv_out.bias") as NDArray;
    tensors.set(
      "decoder.conv_out.bias",
      bias.map(() => Number.POSITIVE_INFINITY),
    );
    await writeFile(path, writeSafetensors(tensors));
    const pipeline = await openPipeline(await folderSource(folder));
    await expect(made(pipeline, request)).rejects.toThrow(/float16|float32/);
    await pipeline.close();
  });

  it("refuses a LoRA for another base, and parts that it does not have", async () => {
    const lora = {
      scale: 1,
      name: "far.safetensors",
      tensors: new Map([
        [
          "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k.lora_A.weight",
          NDArray.zeros([2, 768]),
        ],
        [
          "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_k.lora_B.weight",
          NDArray.zeros([1280, 2]),
        ],
      ]),
    };
    await expect(opened({ loras: [lora] })).rejects.toThrow("far.safetensors");
    const tensors = new Map(
      [...lora.tensors].map(([name, value]) => [name.replace("unet.", "text_encoder_2."), value]),
    );
    await expect(opened({ loras: [{ ...lora, tensors }] })).rejects.toThrow(/far\.safetensors/);
  });
});

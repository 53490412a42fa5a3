import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NDArray } from "../../src/base/index.ts";
import { toPixels, toUnit } from "../../src/data/index.ts";
import { decodeImage, pictureSize, readSafetensors } from "../../src/formats/index.ts";
import {
  folderSource,
  openPipeline,
  type PictureRequest,
  type Pipeline,
  type PipelineOptions,
  type Source,
} from "../../src/pipelines/index.ts";

/** In grey levels of 255: what the project promises against Python's pipelines for the same seed. */
const TOLERANCE = 2;

const fixtures = fileURLToPath(new URL("../fixtures/pipelines/", import.meta.url));
const tokenizer = fileURLToPath(new URL("../fixtures/clip/byte-pairs/", import.meta.url));

interface Fixture {
  readonly index: Readonly<Record<string, unknown>>;
  readonly parts: Readonly<Record<string, string | null>>;
  readonly lowResScheduler: string | null;
  readonly steps: number;
  /** How much of each. */
  readonly loras?: Readonly<Record<string, number>>;
  readonly words?: readonly string[];
  readonly request: Omit<PictureRequest, "source"> & { readonly source?: Record<string, unknown> };
  /** Texts of scheduler_config.json, as Python writes them. */
  readonly cases: readonly { readonly scheduler: string; readonly seed: number; readonly picture: string }[];
}
const names = [
  "text-to-image",
  "v-prediction",
  "image-to-image",
  "inpaint-four",
  "inpaint-nine",
  "upscale",
  "variation",
  "latent-consistency",
  "lora",
  "words",
  "xl",
  "xl-image-to-image",
] as const;
const fixtureOf = async (name: string): Promise<Fixture> =>
  JSON.parse(await readFile(join(fixtures, `${name}.json`), "utf8"));

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "pipelines-"));
});
afterAll(() => rm(root, { recursive: true }));

/** A folder as save_pretrained leaves it, of a fixture's parts. */
const folderOf = async (name: string, fixture: Fixture, scheduler: string): Promise<string> => {
  const folder = await mkdtemp(join(root, `${name}-`));
  for (const [component, part] of Object.entries(fixture.parts)) {
    if (part === null) continue;
    const from = part === "tokenizer" ? tokenizer : join(fixtures, "parts", part);
    await cp(from, join(folder, component), { recursive: true });
  }
  const { lowResScheduler: low } = fixture;
  const texts = { scheduler, ...(low && { low_res_scheduler: low }) };
  for (const [component, text] of Object.entries(texts)) {
    await mkdir(join(folder, component));
    await writeFile(join(folder, component, "scheduler_config.json"), text);
  }
  await writeFile(join(folder, "model_index.json"), JSON.stringify(fixture.index));
  return folder;
};

const decoded = async (file: string, channels: 1 | 3): Promise<NDArray> => {
  const path = join(fixtures, file);
  const { height, width } = await pictureSize(path);
  return (await decodeImage(path, { size: [height, width], channels })).reshape([1, channels, height, width]);
};

const additionsOf = async ({ loras = {}, words = [] }: Fixture): Promise<PipelineOptions> => ({
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
        await folderSource(await folderOf(name, fixture, scheduler)),
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

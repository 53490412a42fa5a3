import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { readSafetensors } from "../../src/formats/index.ts";
import {
  imageProcessor,
  imageProcessorSchema,
  openImageProcessor,
} from "../../src/pipelines/image-processor.ts";

const url = (name: string) => new URL(`../fixtures/clip/${name}`, import.meta.url);
const { cases } = JSON.parse(await readFile(url("pictures.json"), "utf8"));
const { tensors } = readSafetensors(await readFile(url("pictures.safetensors")), "pictures");

/** Of one step in eight bits: pixels are Pillow's bit for bit, and scaled in single precision as there. */
const ROUNDING = 1e-4;

describe("pictures come to what transformers makes of them over Pillow:", () => {
  it.each(Object.keys(cases))("%s", (name) => {
    const config = imageProcessorSchema.parse(cases[name]);
    const process = imageProcessor(config);
    const [input, output] = [tensors.get(`${name}.input`), tensors.get(`${name}.output`)] as [
      NDArray,
      NDArray,
    ];
    const got = process(input);
    expect(got.shape).toEqual(output.shape);
    expect(got.dtype).toBe("float32");
    const step = config.do_normalize ? config.rescale_factor / Math.max(...config.image_std) : 1;
    const worst = Math.max(...got.data.map((x, i) => Math.abs(x - (output.data[i] as number))));
    expect(worst).toBeLessThan(ROUNDING * step);
  });
});

describe("an image processor", () => {
  const process = imageProcessor(imageProcessorSchema.parse(cases.wide));
  const pixels = tensors.get("wide.input") as NDArray;
  const [h = 0, w = 0] = pixels.shape;

  it("takes pictures in [-1, 1] as the pixels that they are, several at once", () => {
    const picture = pixels
      .transpose([2, 0, 1])
      .map((x) => x / 127.5 - 1)
      .reshape([1, 3, h, w]);
    const got = process(NDArray.concat([picture, picture.neg()]));
    expect(got.shape).toEqual([2, 3, 20, 20]);
    expect(got.rows(0, 1)).toEqual(process(pixels));
  });

  it("takes what is beyond [-1, 1] as black and white", () => {
    const white = NDArray.full([1, 3, 4, 4], 1);
    expect(process(white.mul(1.7))).toEqual(process(white));
    expect(process(white.mul(-3))).toEqual(process(white.neg()));
  });

  it("refuses other arrays", () => {
    for (const array of [
      NDArray.zeros([3, 4, 4], "uint8"),
      NDArray.zeros([4, 4, 3]),
      NDArray.zeros([1, 4, 4, 4]),
    ])
      expect(() => process(array)).toThrow("pixels uint8[h, w, 3] or pictures float32[n, 3, h, w]");
    expect(() => process(NDArray.zeros([0, 4, 3], "uint8"))).toThrow("got uint8[0, 4, 3]");
  });
});

describe("preprocessor_config.json", () => {
  const inFolder = async <T>(text: string | null, use: (folder: string) => Promise<T>): Promise<T> => {
    const folder = await mkdtemp(join(tmpdir(), "undiffuse-"));
    try {
      if (text !== null) await writeFile(join(folder, "preprocessor_config.json"), text);
      return await use(folder);
    } finally {
      await rm(folder, { recursive: true });
    }
  };

  it("of CLIPFeatureExtractor, with plain numbers for sizes, is read as today's", async () => {
    const old = {
      crop_size: 12,
      do_center_crop: true,
      do_convert_rgb: true,
      do_normalize: true,
      do_resize: true,
      feature_extractor_type: "CLIPFeatureExtractor",
      image_mean: [0.5, 0.5, 0.5],
      image_std: [0.5, 0.5, 0.5],
      resample: 3,
      size: 12,
    };
    const process = await inFolder(JSON.stringify(old), openImageProcessor);
    const today = { ...old, crop_size: { height: 12, width: 12 }, size: { shortest_edge: 12 } };
    const pixels = tensors.get("high.input") as NDArray;
    expect(process(pixels)).toEqual(imageProcessor(imageProcessorSchema.parse(today))(pixels));
    expect(process(pixels).shape).toEqual([1, 3, 12, 12]);
  });

  it.each([
    [null, "ENOENT"],
    ["{", "expected JSON"],
    ['{"resample": 1}', "resample: expected 3, bicubic"],
    ['{"do_pad": true}', "do_pad"],
    ['{"size": {"longest_edge": 9}}', "size"],
  ])("%s is refused with its path", async (text, words) => {
    const opened = inFolder(text, openImageProcessor);
    await expect(opened).rejects.toThrow("preprocessor_config.json");
    await expect(opened).rejects.toThrow(words);
  });
});

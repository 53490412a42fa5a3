import { readFile } from "node:fs/promises";
import { Generator, NDArray } from "../../src/base/index.ts";

export interface FeatureCase {
  readonly seed: number;
  readonly n: number;
  readonly m: number;
  readonly d: number;
  readonly directions: number;
  readonly frechet: Readonly<Record<string, number>>;
  readonly kernel: { readonly of: number; readonly "clean-fid": number; readonly torchmetrics: number };
  readonly prdc: Readonly<
    Record<string, Readonly<Record<"precision" | "recall" | "density" | "coverage", number>>>
  >;
  readonly sliced: number;
}

export interface ImageCase {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly noise: number;
  readonly ssim: number;
  readonly psnr: number;
}

/** What other libraries compute of the same sets; see test/fixtures/README.md. */
export const fixture: { readonly features: readonly FeatureCase[]; readonly images: readonly ImageCase[] } =
  JSON.parse(await readFile(new URL("../fixtures/evaluation.json", import.meta.url), "utf8"));

/** As near as two libraries are asked to be to each other; features are float32, torch's normals 3e-7 from ours. */
export const AGREEMENT = 1e-4;

/** Normals whose columns have deviations 1 + spread · i / d and means shift · (i mod 3). */
const moved = (seed: number, [n, d]: readonly [number, number], spread: number, shift: number): NDArray => {
  const drawn = new Generator(seed).normal([n, d]);
  for (let i = 0; i < drawn.size; i++) {
    const column = i % d;
    drawn.data[i] = (drawn.data[i] as number) * (1 + (spread * column) / d) + shift * (column % 3);
  }
  return drawn;
};

/** The features of a case of the fixture. */
export const featuresOf = ({ seed, n, m, d }: Pick<FeatureCase, "seed" | "n" | "m" | "d">) => ({
  samples: moved(seed, [n, d], 0.5, 0.2),
  reference: moved(seed + 1, [m, d], 0, 0),
});

/** The images of a case of the fixture, uint8 [1, c, h, w]. */
export const imagesOf = ({ channels, height, width, noise }: ImageCase): readonly [NDArray, NDArray] => {
  const size = channels * height * width;
  const plain = Float64Array.from(
    { length: size },
    (_, i) => 127.5 + 120 * Math.sin(0.37 * i + 0.01 * (i % 7) ** 2),
  );
  const level = (value: number) => Math.min(Math.max(Math.floor(value + 0.5), 0), 255);
  const images = (values: Float64Array) =>
    NDArray.of(values.map(level), [1, channels, height, width], "uint8");
  return [images(plain), images(plain.map((value, i) => value + noise * Math.cos(1.7 * i)))];
};

/** Features drawn from a seed. */
export const normals = (seed: number, n: number, d: number): NDArray => new Generator(seed).normal([n, d]);

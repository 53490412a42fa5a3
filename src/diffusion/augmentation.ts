import { NDArray } from "../base/index.ts";
import { qSample } from "./forward.ts";
import type { Level, NoiseProcess } from "./process.ts";

/** Images [n, c, h, w], each changed to a level of its own; `noise` is standard normal in their shape. */
export type Augment = (
  images: NDArray,
  levels: readonly number[],
  about: { readonly process: NoiseProcess; readonly noise: () => NDArray },
) => NDArray;

/**
 * How the image of fewer pixels is changed before a network of super-resolution sees it, so that faults of one that was
 * generated do not mislead it (Ho et al. 2022, section 4). Level 0 leaves it as it is.
 */
export const augmentations = {
  /** Noised to this share of the process's time, from 0 to 1 (section 4.1 and 4.2). */
  noise(images, shares, { process, noise }) {
    const [clean, noisy] = process.span;
    const levels = shares.map(
      (share): Pick<Level, "alpha" | "sigma"> =>
        share === 0 ? { alpha: 1, sigma: 0 } : process.level(clean + share * (noisy - clean)),
    );
    const column = (of: (level: Pick<Level, "alpha" | "sigma">) => number) =>
      NDArray.of(levels.map(of), [levels.length, 1, 1, 1]);
    return qSample(images, noise(), {
      alpha: column(({ alpha }) => alpha),
      sigma: column(({ sigma }) => sigma),
    });
  },
  /** Blurred by a Gaussian of this standard deviation in pixels, the outer pixel going on outside (section 4.3). */
  blur: (images, deviations) =>
    NDArray.stack(images.split().map((image, k) => blurred(image, deviations[k] as number))),
} as const satisfies Readonly<Record<string, Augment>>;

export type Augmentation = keyof typeof augmentations;

/** Pixels on either side that a Gaussian reaches to. */
const REACH = 3;

/** Weights of the pixels at −r … r. */
const gaussian = (deviation: number): number[] => {
  const r = Math.ceil(REACH * deviation);
  const raw = Array.from({ length: 2 * r + 1 }, (_, i) => Math.exp(-((i - r) ** 2) / (2 * deviation ** 2)));
  const sum = raw.reduce((total, value) => total + value, 0);
  return raw.map((value) => value / sum);
};

/** One image [c, h, w], along its rows and then along its columns. */
const blurred = (image: NDArray, deviation: number): NDArray => {
  if (deviation === 0) return image;
  const taps = gaussian(deviation);
  return alongRows(alongRows(image, taps).transpose([0, 2, 1]), taps).transpose([0, 2, 1]);
};

const alongRows = ({ data, shape }: NDArray, taps: readonly number[]): NDArray => {
  const width = shape.at(-1) as number;
  const r = (taps.length - 1) / 2;
  const out = new Float32Array(data.length);
  for (let i = 0; i < out.length; i++) {
    const [start, place] = [i - (i % width), i % width];
    let sum = 0;
    for (const [k, tap] of taps.entries())
      sum += tap * (data[start + Math.min(Math.max(place + k - r, 0), width - 1)] as number);
    out[i] = sum;
  }
  return new NDArray(out, shape);
};

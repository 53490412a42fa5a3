import { Generator, NDArray } from "../../src/base/index.ts";
import { type Dataset, makeDataset } from "../../src/data/index.ts";

/** Grey images [n, 1, side, side] of two classes, dark and bright, in turns, with noise. */
export const patterns = (n: number, { seed = 1, side = 8 } = {}): Dataset => {
  const noise = new Generator(seed).integers(0, 60, [n, 1, side, side]);
  const images = NDArray.zeros(noise.shape, "uint8");
  const plane = side * side;
  noise.data.forEach((value, i) => {
    images.data[i] = value + (Math.floor(i / plane) % 2 ? 160 : 20);
  });
  const labels = NDArray.of(
    Array.from({ length: n }, (_, i) => i % 2),
    [n],
    "int32",
  );
  return makeDataset({ name: "patterns", images, labels, classes: ["dark", "bright"], skipped: [] });
};

/** The smallest network there is, for tests. */
export const TINY = { widths: [4, 8], blocks: 1, groups: 2 };

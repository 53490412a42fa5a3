import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NDArray } from "../../src/base/index.ts";
import { type Dataset, openDigits } from "../../src/data/index.ts";

let cacheFolder: string;
let digits: Dataset;
beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), "digits-"));
  digits = await openDigits(16, { cacheFolder });
});
afterAll(() => rm(cacheFolder, { recursive: true }));

/** Compared as bytes, since a comparison of millions of elements one by one takes seconds. */
const bytesOf = (array: NDArray | null): Uint8Array =>
  array ? new Uint8Array(array.data.buffer, array.data.byteOffset, array.data.byteLength) : new Uint8Array(0);

/** Mean image of each class over the images whose index leaves this remainder by 2. */
const classMeans = ({ images, labels }: Dataset, remainder: number): Float64Array[] => {
  const means = Array.from({ length: 10 }, () => new Float64Array(256));
  const counts = new Array<number>(10).fill(0);
  labels?.data.forEach((label, i) => {
    if (i % 2 !== remainder) return;
    counts[label] = (counts[label] as number) + 1;
    images.row(i).data.forEach((level, k) => {
      (means[label] as Float64Array)[k] = ((means[label] as Float64Array)[k] as number) + level;
    });
  });
  return means.map((sum, label) => sum.map((value) => value / (counts[label] as number)));
};

describe("openDigits", () => {
  it("has 10,000 images of one channel in classes 0 to 9", () => {
    expect(digits.images.shape).toEqual([10_000, 1, 16, 16]);
    expect(digits.classes).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    const counts = new Array<number>(10).fill(0);
    digits.labels?.data.forEach((label) => {
      counts[label] = (counts[label] as number) + 1;
    });
    expect(counts).toEqual([1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978]); // as in the package's files
  });

  /** The nearest class mean reads about 4 in 5 MNIST digits; labels that slip would give 1 in 10. */
  const READ = 0.75;
  it("labels each image with the digit that it shows", () => {
    const means = classMeans(digits, 0);
    let right = 0;
    digits.labels?.data.forEach((label, i) => {
      if (i % 2 === 0) return;
      const { data } = digits.images.row(i);
      const distances = means.map((mean) =>
        mean.reduce((sum, m, k) => sum + (m - (data[k] as number)) ** 2, 0),
      );
      if (distances.indexOf(Math.min(...distances)) === label) right++;
    });
    expect(right / 5000).toBeGreaterThan(READ);
  });

  it("is white on black, centred, with the full range of grey", () => {
    const { data } = digits.images;
    let corners = 0;
    for (let i = 0; i < data.length; i += 256)
      corners = Math.max(corners, data[i] as number, data[i + 255] as number);
    expect(corners).toBeLessThan(64);
    expect(new Set(data).size).toBe(256);
  });

  it("comes in 32 × 32 too", async () => {
    const large = await openDigits(32, { cacheFolder });
    expect(large.images.shape).toEqual([10_000, 1, 32, 32]);
    expect(Buffer.compare(bytesOf(large.labels), bytesOf(digits.labels))).toBe(0);
  });

  it("is the same from the cache", async () => {
    const { images, labels, ...about } = await openDigits(16, { cacheFolder });
    expect(about).toEqual({
      name: "digits",
      form: "pictures",
      classes: digits.classes,
      skipped: [],
      fingerprint: digits.fingerprint,
    });
    expect(Buffer.compare(bytesOf(images), bytesOf(digits.images))).toBe(0);
    expect(Buffer.compare(bytesOf(labels), bytesOf(digits.labels))).toBe(0);
  });
});

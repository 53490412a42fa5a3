import { describe, expect, it } from "vitest";
import { ArgumentError, Generator, NDArray } from "../../src/base/index.ts";
import { makeDataset, split } from "../../src/data/index.ts";

/** n images, image i of level i and label i. */
const numbered = (n: number) => {
  const levels = Array.from({ length: n }, (_, i) => i);
  return makeDataset({
    name: "numbered",
    images: NDArray.of(levels, [n, 1, 1, 1], "uint8"),
    labels: NDArray.of(levels, [n], "int32"),
    classes: levels.map(String),
    skipped: [{ path: "a", reason: "b" }],
  });
};

describe("split", () => {
  it("gives every image, with its label, to exactly one part", () => {
    const { train, heldOut } = split(numbered(100), 0.2, new Generator(3));
    expect(heldOut.images.shape).toEqual([20, 1, 1, 1]);
    const all = [...train.images.data, ...heldOut.images.data];
    expect(all.toSorted((a, b) => a - b)).toEqual([...numbered(100).images.data]);
    for (const part of [train, heldOut])
      expect([...(part.labels as NDArray).data]).toEqual([...part.images.data]);
  });

  it("keeps captions with their images", () => {
    const dataset = makeDataset({ ...numbered(20), captions: numbered(20).classes ?? [] });
    const { train, heldOut } = split(dataset, 0.2, new Generator(3));
    for (const part of [train, heldOut]) expect(part.captions?.map(Number)).toEqual([...part.images.data]);
  });

  it("is the same for one seed and another for the next", () => {
    const [a, b, c] = [3, 3, 4].map(
      (seed) => split(numbered(50), 0.5, new Generator(seed)).heldOut.fingerprint,
    );
    expect(a).toBe(b);
    expect(a).not.toBe(c);
  });

  it("mixes the order, so that the first held-out images are a sample of all", () => {
    const first = [...split(numbered(250), 0.5, new Generator(0)).heldOut.images.data].slice(0, 60);
    const above = first.filter((level) => level >= 125).length;
    expect(above).toBeGreaterThan(15); // 30 expected, 3.9 its standard deviation
    expect(above).toBeLessThan(45);
  });

  it("holds out nothing for 0, and at least one image for any more", () => {
    expect(split(numbered(10), 0, new Generator(0)).heldOut.images.shape[0]).toBe(0);
    expect(split(numbered(10), 0, new Generator(0)).train.images.shape[0]).toBe(10);
    expect(split(numbered(10), 0.001, new Generator(0)).heldOut.images.shape[0]).toBe(1);
  });

  it("refuses to hold out everything", () => {
    expect(() => split(numbered(1), 0.1, new Generator(0))).toThrow(/an image left to train on, got 1 of 1/);
    for (const fraction of [-0.1, 1, Number.NaN])
      expect(() => split(numbered(9), fraction, new Generator(0))).toThrow(ArgumentError);
  });
});

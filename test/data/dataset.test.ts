import { describe, expect, it } from "vitest";
import { NDArray, ShapeError } from "../../src/base/index.ts";
import { type Content, type Dataset, makeDataset, selectImages } from "../../src/data/index.ts";

const content = {
  name: "three",
  images: NDArray.of([1, 2, 3, 4, 5, 6], [3, 1, 1, 2], "uint8"),
  labels: NDArray.of([0, 1, 1], [3], "int32"),
  classes: ["a", "b"],
  skipped: [],
} satisfies Content;

describe("makeDataset", () => {
  it("gives equal content an equal fingerprint, whatever its name", () => {
    const fingerprint = makeDataset(content).fingerprint;
    expect(fingerprint).toMatch(/^[0-9a-f]{64}$/);
    expect(makeDataset({ ...content, name: "other", images: content.images.clone() }).fingerprint).toBe(
      fingerprint,
    );
  });

  it("gives any other content another fingerprint", () => {
    const others: Partial<typeof content | Dataset>[] = [
      { images: NDArray.of([1, 2, 3, 4, 5, 7], [3, 1, 1, 2], "uint8") },
      { images: content.images.reshape([3, 2, 1, 1]) },
      { labels: NDArray.of([0, 1, 0], [3], "int32") },
      { labels: null },
      { classes: ["a", "c"] },
      { classes: null },
      { captions: ["a", "b", "c"] },
      { captions: ["a", "b", "d"] },
      { uncropped: content.images },
      { uncropped: NDArray.zeros([3, 1, 1, 4], "uint8") },
      { uncropped: NDArray.zeros([3, 1, 2, 2], "uint8") },
      { uncropped: NDArray.of([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [3, 1, 2, 2], "uint8") },
    ];
    const prints = [{}, ...others].map((other) => makeDataset({ ...content, ...other }).fingerprint);
    expect(new Set(prints).size).toBe(prints.length);
  });

  it("keeps the fingerprint of runs that began before there were captions and crops", () => {
    const before = "f99437505e93d07cfe675544a5b1935978a781a70618dbfc6141dee74ddd41d3";
    expect(makeDataset(content).fingerprint).toBe(before);
  });

  it("refuses captions and surroundings that do not fit", () => {
    for (const uncropped of [
      NDArray.zeros([3, 1, 1, 1], "uint8"),
      NDArray.zeros([2, 1, 1, 2], "uint8"),
      NDArray.zeros([3, 2, 1, 2], "uint8"),
      NDArray.zeros([3, 1, 2], "uint8"),
      NDArray.zeros([3, 1, 1, 2]),
    ])
      expect(() => makeDataset({ ...content, uncropped })).toThrow(ShapeError);
    expect(() => makeDataset({ ...content, captions: ["one"] })).toThrow(/expected 3 captions, got 1/);
  });

  it("refuses images and labels that do not fit", () => {
    expect(() => makeDataset({ ...content, images: NDArray.zeros([3, 1, 1, 2]) })).toThrow(ShapeError);
    expect(() => makeDataset({ ...content, images: NDArray.zeros([3, 2], "uint8") })).toThrow(ShapeError);
    expect(() => makeDataset({ ...content, labels: NDArray.zeros([2], "int32") })).toThrow(ShapeError);
    expect(() => makeDataset({ ...content, labels: NDArray.zeros([3]) })).toThrow(ShapeError);
  });
});

describe("selectImages", () => {
  it("copies images with their labels in the order of the indices", () => {
    const { images, labels } = selectImages(makeDataset(content), [2, 0, 2]);
    expect([...images.data]).toEqual([5, 6, 1, 2, 5, 6]);
    expect([...(labels as NDArray).data]).toEqual([1, 0, 1]);
  });

  it("takes captions and surroundings along", () => {
    const uncropped = NDArray.of([1, 2, 3, 4, 5, 6, 7, 8, 9], [3, 1, 1, 3], "uint8");
    const dataset = makeDataset({ ...content, uncropped, captions: ["one", "two", "three"] });
    const { captions, uncropped: selected } = selectImages(dataset, [2, 0]);
    expect(captions).toEqual(["three", "one"]);
    expect(selected).toEqual(NDArray.of([7, 8, 9, 1, 2, 3], [2, 1, 1, 3], "uint8"));
  });

  it("can select nothing, and refuses indices outside", () => {
    expect(selectImages(makeDataset(content), []).images.shape).toEqual([0, 1, 1, 2]);
    for (const index of [-1, 3, Number.NaN])
      expect(() => selectImages(makeDataset(content), [index])).toThrow(ShapeError);
  });
});

import { describe, expect, it } from "vitest";
import { ArgumentError, NDArray, Streams } from "../../src/base/index.ts";
import { cropCentres } from "../../src/data/crop.ts";
import { Batches, type Dataset, makeDataset, toPixels } from "../../src/data/index.ts";

/** n images [1, 1, 2] of levels (2i, 2i + 1), labelled i. */
const numbered = (n: number, labelled = true): Dataset =>
  makeDataset({
    name: "numbered",
    images: NDArray.of(
      Array.from({ length: 2 * n }, (_, i) => i),
      [n, 1, 1, 2],
      "uint8",
    ),
    labels: labelled
      ? NDArray.of(
          Array.from({ length: n }, (_, i) => i),
          [n],
          "int32",
        )
      : null,
    classes: null,
    skipped: [],
  });

const options = (streams: Streams, { n = 10, batch = 4, flip = false } = {}) => ({
  dataset: numbered(n),
  batch,
  flip,
  order: streams.get("data order"),
  flips: streams.get("flips"),
  crops: streams.get("crops"),
});

const labelsOf = (batches: Batches, count: number): number[] =>
  Array.from({ length: count }, () => [...(batches.next().labels as NDArray).data]).flat();

/** A checkpoint as it is written: through JSON. */
const saved = <T>(value: T): T => JSON.parse(JSON.stringify(value));

describe("Batches", () => {
  it("cover every epoch exactly once, in full batches across its border", () => {
    const drawn = labelsOf(new Batches(options(new Streams(1))), 15);
    expect(drawn.length).toBe(60);
    const epochs = Array.from({ length: 6 }, (_, epoch) => drawn.slice(epoch * 10, (epoch + 1) * 10));
    for (const epoch of epochs)
      expect(epoch.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(new Set(epochs.map(String)).size).toBe(6);
  });

  it("are float32 images in [-1, 1] with their own labels", () => {
    const { images, labels } = new Batches(options(new Streams(1))).next();
    expect([images.dtype, images.shape, labels?.dtype]).toEqual(["float32", [4, 1, 1, 2], "int32"]);
    const pixels = toPixels(images).data;
    (labels as NDArray).data.forEach((label, i) => {
      expect([pixels[2 * i], pixels[2 * i + 1]]).toEqual([2 * label, 2 * label + 1]);
    });
  });

  it("have no labels where the data has none", () => {
    const batches = new Batches({ ...options(new Streams(1)), dataset: numbered(10, false) });
    expect(Object.keys(batches.next())).toEqual(["images"]);
  });

  it("can be larger than the data", () => {
    const drawn = labelsOf(new Batches(options(new Streams(1), { n: 3, batch: 7 })), 3);
    for (let epoch = 0; epoch < 7; epoch++)
      expect(drawn.slice(epoch * 3, epoch * 3 + 3).toSorted((a, b) => a - b)).toEqual([0, 1, 2]);
  });

  it("mirror about half of the images left to right, rows in themselves", () => {
    const batches = new Batches(options(new Streams(2), { n: 100, batch: 100, flip: true }));
    const { images, labels } = batches.next();
    const pixels = toPixels(images).data;
    let mirrored = 0;
    (labels as NDArray).data.forEach((label, i) => {
      const pair = [pixels[2 * i], pixels[2 * i + 1]];
      const [left, right] = [2 * label, 2 * label + 1];
      if (pair[0] === right) mirrored++;
      expect([`${left},${right}`, `${right},${left}`]).toContain(String(pair));
    });
    expect(mirrored).toBeGreaterThan(25); // 50 expected, 5 its standard deviation
    expect(mirrored).toBeLessThan(75);
  });

  it("keep rows and channels in place when they mirror", () => {
    const dataset = makeDataset({
      ...numbered(1),
      images: NDArray.of([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 2, 2], "uint8"),
    });
    const batches = new Batches({ ...options(new Streams(0), { batch: 20, flip: true }), dataset });
    const { images } = batches.next();
    const seen = new Set(Array.from({ length: 20 }, (_, i) => [...toPixels(images.row(i)).data].join(" ")));
    expect(seen).toEqual(new Set(["1 2 3 4 5 6 7 8", "2 1 4 3 6 5 8 7"]));
  });

  it("draw the same order with and without mirroring", () => {
    const [plain, flipped] = [false, true].map((flip) =>
      labelsOf(new Batches(options(new Streams(5), { flip })), 9),
    );
    expect(plain).toEqual(flipped);
  });

  it.each([0, 1, 2, 3, 5, 6, 25])("continue bit for bit when stopped after %i batches, twice", (stop) => {
    const whole = new Batches(options(new Streams(7), { flip: true }));
    for (let i = 0; i < 2 * stop; i++) whole.next();
    const expected = Array.from({ length: 12 }, () => whole.next());

    let streams = new Streams(7);
    let batches = new Batches(options(streams, { flip: true }));
    for (const _ of [1, 2]) {
      for (let i = 0; i < stop; i++) batches.next();
      const checkpoint = saved({ streams: streams.state, batches: batches.state });
      streams = Streams.restore(7, checkpoint.streams);
      batches = new Batches({ ...options(streams, { flip: true }), state: checkpoint.batches });
    }
    expect(Array.from({ length: 12 }, () => batches.next())).toEqual(expected);
  });

  /** n images [2, 3, 3] in surroundings [2, 5, 5], of which every pixel has a level of its own. */
  const surrounded = (n: number): Dataset => {
    const levels = Array.from({ length: n * 2 * 5 * 5 }, (_, i) => i);
    const uncropped = NDArray.of(levels, [n, 2, 5, 5], "uint8");
    return makeDataset({ ...numbered(n), images: cropCentres(uncropped, 2), uncropped });
  };

  it("show each image in windows at random, all of them and evenly, channels alike", async () => {
    const batches = new Batches({ ...options(new Streams(3), { n: 1, batch: 900 }), dataset: surrounded(1) });
    const { images } = batches.next();
    const corners = new Map<number, number>();
    for (let i = 0; i < 900; i++) {
      const pixels = [...toPixels(images.row(i)).data];
      const corner = pixels[0] as number;
      const rows = [0, 5, 10].flatMap((row) => [0, 1, 2].map((column) => corner + row + column));
      expect(pixels).toEqual([...rows, ...rows.map((level) => level + 25)]);
      corners.set(corner, (corners.get(corner) ?? 0) + 1);
    }
    expect([...corners.keys()].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 5, 6, 7, 10, 11, 12]);
    for (const count of corners.values()) {
      expect(count).toBeGreaterThan(50); // 100 expected, 9.4 the standard deviation
      expect(count).toBeLessThan(150);
    }
  });

  it("draw the same order and mirrors with and without windows", () => {
    const [plain, windowed] = [numbered(5), surrounded(5)].map((dataset) => {
      const streams = new Streams(5);
      const batches = new Batches({ ...options(streams, { flip: true }), dataset });
      return { labels: labelsOf(batches, 9), flips: streams.get("flips").state };
    });
    expect(windowed).toEqual(plain);
  });

  it.each([0, 1, 2, 5, 8])("continue with windows and mirrors bit for bit after %i batches", (stop) => {
    const open = (streams: Streams, state?: unknown) =>
      new Batches({ ...options(streams, { flip: true }), dataset: surrounded(5), state });
    const whole = open(new Streams(7));
    for (let i = 0; i < stop; i++) whole.next();
    const expected = Array.from({ length: 6 }, () => whole.next());

    const streams = new Streams(7);
    const batches = open(streams);
    for (let i = 0; i < stop; i++) batches.next();
    const checkpoint = saved({ streams: streams.state, batches: batches.state });
    const restored = open(Streams.restore(7, checkpoint.streams), checkpoint.batches);
    expect(Array.from({ length: 6 }, () => restored.next())).toEqual(expected);
  });

  it("take a state without changing, so that it can be saved at any time", () => {
    const batches = new Batches(options(new Streams(1)));
    batches.next();
    const state = saved(batches.state);
    batches.state;
    expect(batches.state).toEqual(state);
    batches.next();
    batches.next();
    batches.next();
    expect(batches.state).not.toEqual(state);
  });

  it("refuse a state that is none, and one of other data or another place of the stream", () => {
    const streams = new Streams(1);
    const batches = new Batches(options(streams));
    batches.next();
    const state = saved(batches.state);
    const restore =
      (changed: unknown, from = streams, n = 10) =>
      () =>
        new Batches({ ...options(Streams.restore(1, from.state), { n }), state: changed });
    expect(restore(state)).not.toThrow();
    for (const wrong of [
      null,
      {},
      { ...state, position: 11 },
      { ...state, position: -1 },
      { ...state, before: { ...state.before, words: [] } },
    ])
      expect(restore(wrong)).toThrow(ArgumentError);
    expect(restore(state, streams, 12)).toThrow(/order generator as it stood/);
    expect(restore(state, new Streams(1))).toThrow(/order generator as it stood/);
  });

  it("refuse no images and batches of none", () => {
    expect(() => new Batches(options(new Streams(1), { n: 0 }))).toThrow(ArgumentError);
    for (const batch of [0, 1.5, Number.NaN])
      expect(() => new Batches(options(new Streams(1), { batch }))).toThrow(ArgumentError);
  });
});

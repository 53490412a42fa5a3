import { describe, expect, it } from "vitest";
import { Generator, NDArray, NonFiniteError, ShapeError } from "../../src/base/index.ts";
import {
  Batches,
  type DataForm,
  dataSchema,
  densityComponents,
  densityNames,
  forms,
  makeDataset,
  openDataset,
  selectImages,
} from "../../src/data/index.ts";

const pointsOf = (images: NDArray) =>
  makeDataset({ name: "p", form: "points", images, labels: null, classes: null, skipped: [] });
const three = NDArray.of([0, 0.5, -3, 2, 1, -1], [3, 2, 1, 1]);
const batchesOf = (dataset: ReturnType<typeof pointsOf>, flip = false) =>
  new Batches({
    dataset,
    batch: 3,
    flip,
    order: new Generator(0),
    flips: new Generator(1),
    crops: new Generator(2),
  });

describe("points and bits", () => {
  it("pass through batches as they are", () => {
    const { images } = batchesOf(pointsOf(three)).next();
    const rows = (array: NDArray) => array.split().map(({ data }) => [...data].join());
    expect(rows(images).sort()).toEqual(rows(three).sort());
    expect(selectImages(pointsOf(three), [1]).form).toBe("points");
  });

  it("are not mirrored, nor windows of something larger", () => {
    expect(() => batchesOf(pointsOf(three), true)).toThrow(
      "flip: expected pictures, which have a left and a right, got points",
    );
    const uncropped = NDArray.zeros([3, 2, 2, 2], "uint8");
    expect(() => makeDataset({ ...pointsOf(three), uncropped })).toThrow(
      /of which to draw windows, got points/,
    );
  });

  it.each<[DataForm, NDArray]>([
    ["points", NDArray.zeros([3, 2, 1, 1], "uint8")],
    ["points", NDArray.zeros([3, 3, 1, 1])],
    ["bits", NDArray.zeros([3, 8, 2, 1])],
    ["bits", NDArray.zeros([3, 8])],
    ["pictures", NDArray.zeros([3, 1, 2, 2])],
  ])("are refused in another shape or type: %s", (form, images) => {
    const make = () => makeDataset({ name: "x", form, images, labels: null, classes: null, skipped: [] });
    expect(make).toThrow(ShapeError);
  });

  it("of one content and another form have another fingerprint", () => {
    const bits = makeDataset({ ...pointsOf(three), form: "bits" });
    expect(bits.fingerprint).not.toBe(pointsOf(three).fingerprint);
  });
});

describe("a density's points", () => {
  it.each(densityNames)("have the mean, variance and classes of %s", async (name) => {
    const count = 20_000;
    const dataset = await openDataset(dataSchema.parse({ kind: "density", name, count }));
    expect(dataset.images.shape).toEqual([count, 2, 1, 1]);
    const { images, labels, classes } = dataset;
    const within = 4 / Math.sqrt(count); // four standard errors of a mean of variance 1
    expect(Math.abs(images.mean().item())).toBeLessThan(within);
    expect(Math.abs(images.mul(images).mean().item() - 1)).toBeLessThan(3 * within);
    const components = densityComponents(name);
    classes?.forEach((_, label) => {
      const share = Array.from(labels?.data ?? []).filter((each) => each === label).length / count;
      const wanted = components.filter((component) => component.label === label).length / components.length;
      expect(Math.abs(share - wanted)).toBeLessThan(within);
    });
  });

  it("are those of their seed", async () => {
    const of = (seed: number) =>
      openDataset(dataSchema.parse({ kind: "density", name: "spiral", count: 50, seed }));
    expect((await of(1)).fingerprint).toBe((await of(1)).fingerprint);
    expect((await of(1)).fingerprint).not.toBe((await of(2)).fingerprint);
  });
});

describe("heartbeats", () => {
  it("have a pulse at every fifth bit, from each of the five phases", async () => {
    const { images, form } = await openDataset(dataSchema.parse({ kind: "heartbeat", count: 200 }));
    expect([form, images.shape]).toEqual(["bits", [200, 20, 1, 1]]);
    const seen = new Set(
      images.split().map(({ data }) => [...data].map((bit) => (bit > 0 ? "1" : "0")).join("")),
    );
    const phase = (k: number) => `${"0".repeat(k)}1${"0".repeat(4 - k)}`.repeat(4);
    expect([...seen].sort()).toEqual([4, 3, 2, 1, 0].map(phase));
  });
});

describe("what is drawn", () => {
  it("of pictures is tiles", async () => {
    const tiles = await forms.pictures.draw(NDArray.full([4, 3, 5, 5], -1), { columns: 2, scale: 3 });
    expect(tiles.shape).toEqual([3, 33, 33]);
  });

  it("of points is a dot for each, the second coordinate upwards", async () => {
    const { shape, data } = await forms.points.draw(NDArray.of([1.5, 1.5], [1, 2, 1, 1]), {
      columns: 1,
      scale: 1,
    });
    expect(shape).toEqual([3, 480, 480]);
    const green = (x: number, y: number) => data[480 * 480 + y * 480 + x] as number;
    expect(green(360, 120)).toBeLessThan(200);
    expect(green(360, 360)).toBe(255);
    await expect(
      forms.points.draw(NDArray.of([Number.NaN, 0], [1, 2, 1, 1]), { columns: 1, scale: 1 }),
    ).rejects.toThrow(NonFiniteError);
  });

  it("of bits is a row for each", async () => {
    const drawn = await forms.bits.draw(NDArray.of([1, -1, -1, 1, 1, -1], [2, 3, 1, 1]), {
      columns: 1,
      scale: 1,
    });
    expect(drawn).toEqual(NDArray.of([255, 0, 0, 255, 255, 0], [1, 2, 3], "uint8"));
  });
});

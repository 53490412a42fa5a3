import { beforeAll, describe, expect, test } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { foldedInception, inceptionV3 } from "../../src/models/index.ts";
import { leaves, loadState, parameters, stateOf } from "../../src/nn/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { trace } from "../../src/tensor/index.ts";
import { drawnInception, inceptionFixture } from "./drawn-inception.ts";

/** float32 through 94 convolutions, relative to the largest feature. */
const AGREEMENT = 1e-4;

describe("inceptionV3", () => {
  const net = inceptionV3();
  beforeAll(() => loadState(net, foldedInception(drawnInception())));

  test("has a weight and a bias for each of pytorch-fid's convolutions", () => {
    const layers = Object.keys(inceptionFixture.shapes).filter((name) => name.endsWith(".conv.weight"));
    expect(layers).toHaveLength(94);
    expect(parameters(net).size).toBe(2 * layers.length);
  });

  test.each(inceptionFixture.cases)(
    "gives pytorch-fid's features of images $image",
    async ({ image, seed, features }) => {
      const levels = new Generator(seed).integers(0, 256, [2, ...image]);
      const images = levels.cast("float32").div(127.5).sub(1);
      const graph = trace({ images }, ({ images }) => ({ features: net.forward(images) }), leaves(net));
      const run = await compile(graph, { weights: stateOf(net) });
      const found = (await run({ images })).features as NDArray;
      await run.close();
      const kept = found.reshape([2, -1, inceptionFixture.stride]).transpose([2, 0, 1]).row(0);
      expect(kept.shape).toEqual(features.shape);
      const largest = Math.max(...features.data);
      const apart = Math.max(...features.data.map((value, i) => Math.abs(value - (kept.data[i] as number))));
      expect(largest).toBeGreaterThan(0);
      expect(apart).toBeLessThan(AGREEMENT * largest);
    },
  );

  test("takes grey or coloured images", () => {
    expect(() =>
      trace(
        { images: { shape: [1, 2, 8, 8] } },
        ({ images }) => ({ features: net.forward(images) }),
        leaves(net),
      ),
    ).toThrow("inceptionV3: expected images [n, 1 or 3, h, w], got [1, 2, 8, 8]");
  });
});

test("a batch norm that lacks a tensor is named", () => {
  const state = new Map([["a.conv.weight", NDArray.zeros([2, 1, 1, 1])]]);
  expect(() => foldedInception(state)).toThrow("a.bn.weight: expected 2 numbers, got nothing");
});

test("a folded convolution gives what convolution and batch norm give", () => {
  const one = (value: number) => NDArray.of([value]);
  const folded = foldedInception(
    new Map([
      ["a.conv.weight", NDArray.of([3], [1, 1, 1, 1])],
      ["a.bn.weight", one(2)],
      ["a.bn.bias", one(5)],
      ["a.bn.running_mean", one(7)],
      ["a.bn.running_var", one(4 - 1e-3)],
    ]),
  );
  // ((3 x − 7) / 2) · 2 + 5 = 3 x − 2
  expect(folded.get("a.weight")?.item()).toBeCloseTo(3, 5);
  expect(folded.get("a.bias")?.item()).toBeCloseTo(-2, 5);
});

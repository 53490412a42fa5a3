import { describe, expect, it } from "vitest";
import { Generator, NDArray, ShapeError } from "../../src/base/index.ts";
import {
  blank,
  conv2d,
  embedding,
  groupNorm,
  layerNorm,
  linear,
  loadState,
  parameters,
  projection,
  quickGelu,
  stateOf,
} from "../../src/nn/index.ts";
import { gradients, input, type Tensor, topologicalOrder } from "../../src/tensor/index.ts";
import { distance, evaluate, fixture, toArray } from "./fixture.ts";

/** Uniform numbers are torch's exactly; the affine map after them rounds once in float32. */
const UNIFORM_ROUNDING = 1e-7;
/** Normals differ by what libm and SIMD round. */
const NORMAL_ROUNDING = 3e-7;
/** Float32 sums of a few dozen terms of size 1. */
const SUM_ROUNDING = 2e-6;

describe("layers start as torch's do, drawn one after the other:", () => {
  const saved = fixture.initialisation;
  const random = new Generator(fixture.seed);
  const layers = {
    linear: linear(random, saved.linear.arguments[0], saved.linear.arguments[1]),
    conv2d: conv2d(random, saved.conv2d.arguments[0], saved.conv2d.arguments[1], {
      kernel: saved.conv2d.arguments[2],
    }),
    embedding: embedding(random, saved.embedding.arguments[0], saved.embedding.arguments[1]),
  };
  it.each(["linear", "conv2d"] as const)("%s", (kind) => {
    const { weight, bias } = layers[kind];
    expect(distance(weight.value, toArray(saved[kind].weight))).toBeLessThan(UNIFORM_ROUNDING);
    expect(distance(bias.value, toArray(saved[kind].bias))).toBeLessThan(UNIFORM_ROUNDING);
  });

  it("embedding", () => {
    const { weight } = layers.embedding;
    expect(distance(weight.value, toArray(saved.embedding.weight))).toBeLessThan(NORMAL_ROUNDING);
  });

  it("a convolution in groups, within the bound of one group's inputs", () => {
    const { weight, forward } = conv2d(new Generator(1), 6, 4, { kernel: 3, padding: 1, groups: 2 });
    expect(weight.shape).toEqual([4, 3, 3, 3]);
    const largest = Math.max(...weight.value.data);
    expect(largest).toBeLessThan(1 / Math.sqrt(27));
    expect(largest).toBeGreaterThan(1 / Math.sqrt(54));
    expect(forward(input([2, 6, 5, 5])).shape).toEqual([2, 4, 5, 5]);
  });

  it("groupNorm, at scale 1 and shift 0", () => {
    const layer = groupNorm(4, { groups: 2, eps: 1e-5, silu: false });
    expect([...layer.weight.value.data, ...layer.bias.value.data]).toEqual([1, 1, 1, 1, 0, 0, 0, 0]);
  });
});

describe("groupNorm", () => {
  const cases = Object.keys(fixture.groupNorm);
  it.each(cases)("agrees with torch: %s", async (name) => {
    const { groups, eps, x, weight, bias, y } = fixture.groupNorm[name];
    const layer = groupNorm(x.shape[1], { groups, eps, silu: false });
    loadState(
      layer,
      new Map([
        ["weight", toArray(weight)],
        ["bias", toArray(bias)],
      ]),
    );
    const forward = (feeds: { readonly [name: string]: Tensor }) => layer.forward(feeds.x as Tensor);
    const got = await evaluate({ x: toArray(x) }, forward, parameters(layer), stateOf(layer));
    // Deviations of order 1 from a mean of 100 carry 1e-7 · 100 of rounding into values of order 1.
    const tolerance = name === "mean 100" ? 2e-5 : SUM_ROUNDING;
    expect(distance(got, toArray(y))).toBeLessThan(tolerance);
  });
});

describe("linear", () => {
  it("multiplies by the transposed weight and adds the bias, over any leading axes", async () => {
    const layer = linear(new Generator(0), 2, 3);
    loadState(
      layer,
      new Map([
        ["weight", NDArray.of([1, 2, 3, 4, 5, 6], [3, 2])],
        ["bias", NDArray.of([10, 20, 30])],
      ]),
    );
    const x = NDArray.of([1, 0, 0, 1], [1, 2, 2]);
    const y = await evaluate(
      { x },
      (feeds) => layer.forward(feeds.x as Tensor),
      parameters(layer),
      stateOf(layer),
    );
    expect(y.shape).toEqual([1, 2, 3]);
    expect([...y.data]).toEqual([11, 23, 35, 12, 24, 36]);
  });

  it("has the gradient of its weight from one product over all rows", () => {
    const layer = linear(new Generator(0), 2, 3);
    const [gradient] = gradients(layer.forward(input([5, 4, 2])).sum(), [layer.weight]) as [Tensor];
    const products = topologicalOrder([gradient]).filter(({ op }) => op === "matmul");
    expect(products.map(({ shape }) => shape)).toEqual([[2, 3]]);
  });

  it("refuses rows of another width", () => {
    const layer = linear(new Generator(0), 2, 3);
    expect(() => layer.forward(input([5, 4]))).toThrow(ShapeError);
    expect(() => layer.forward(input([5, 2, 4]))).toThrow(ShapeError);
  });
});

describe("layerNorm", () => {
  it("brings each row to mean 0 and variance 1, then scales and shifts by column", async () => {
    const layer = layerNorm(5, 1e-6);
    const scale = NDArray.of([1, 2, 3, 4, 5], [5]);
    loadState(
      layer,
      new Map([
        ["weight", scale],
        ["bias", NDArray.full([5], 0.25)],
      ]),
    );
    const x = new Generator(3).normal([2, 3, 5]);
    const forward = (feeds: { readonly [name: string]: Tensor }) => layer.forward(feeds.x as Tensor);
    const got = await evaluate({ x }, forward, parameters(layer), stateOf(layer));
    const rows = Array.from({ length: 6 }, (_, i) => [...x.data.slice(5 * i, 5 * i + 5)]);
    const wanted = rows.flatMap((row) => {
      const mean = row.reduce((sum, value) => sum + value) / 5;
      const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 5;
      return row.map((value, j) => ((value - mean) / Math.sqrt(variance + 1e-6)) * (j + 1) + 0.25);
    });
    expect(distance(got, NDArray.of(wanted, [2, 3, 5]))).toBeLessThan(SUM_ROUNDING);
  });
});

describe("projection", () => {
  it("is a linear layer without its bias", () => {
    const layer = projection(new Generator(1), 6, 4);
    expect([...parameters(layer).keys()]).toEqual(["weight"]);
    expect(layer.weight.value.data).toEqual(linear(new Generator(1), 6, 4).weight.value.data);
    expect(layer.forward(input([2, 3, 6])).shape).toEqual([2, 3, 4]);
  });
});

describe("quickGelu", () => {
  it("is x · sigmoid(1.702 x)", async () => {
    const x = NDArray.of([-3, -0.5, 0, 0.5, 3], [5]);
    const forward = (feeds: { readonly [name: string]: Tensor }) => quickGelu(feeds.x as Tensor);
    const got = await evaluate({ x }, forward, new Map(), new Map());
    const wanted = [...x.data].map((value) => value / (1 + Math.exp(-1.702 * value)));
    expect(distance(got, NDArray.of(wanted, [5]))).toBeLessThan(SUM_ROUNDING);
  });
});

describe("blank", () => {
  it("gives layers their shapes and zeros to be replaced", () => {
    const { weight, bias } = conv2d(blank, 3, 4, { kernel: 3 });
    expect(weight.shape).toEqual([4, 3, 3, 3]);
    expect([...weight.value.data, ...bias.value.data].every((value) => value === 0)).toBe(true);
    expect(embedding(blank, 7, 2).weight.value.shape).toEqual([7, 2]);
  });
});

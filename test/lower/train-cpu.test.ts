import { describe, expect, it } from "vitest";
import { host } from "#host";
import { Generator, NDArray } from "../../src/base/index.ts";
import { BLOCKED, lower, portable, trainCpu } from "../../src/lower/index.ts";
import { blockSize } from "../../src/runtime/index.ts";
import { conv2d, type Graph, type Tensor, trace, vjp } from "../../src/tensor/index.ts";

// float32 sums of up to a thousand products in another order.
const tolerance = 2e-5;

interface Case {
  readonly c: number;
  readonly m: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: readonly [number, number, number, number];
  readonly n: number;
  readonly size: readonly [number, number];
  readonly bias: boolean;
}
const plain: Case = {
  c: 16,
  m: 32,
  kernel: 3,
  stride: 1,
  padding: [1, 1, 1, 1],
  n: 2,
  size: [8, 8],
  bias: true,
};
const cases: readonly (Partial<Case> & { readonly title: string })[] = [
  { title: "plain" },
  { title: "odd sizes, batch 1, no bias", n: 1, size: [7, 5], bias: false },
  { title: "1×1", kernel: 1, padding: [0, 0, 0, 0] },
  { title: "stride 2", stride: 2 },
  { title: "padding at the end alone", padding: [0, 0, 1, 1] },
  { title: "no padding", padding: [0, 0, 0, 0] },
  { title: "one block in, many out", c: 16, m: 112 },
  { title: "channels that are no multiple of a block", c: 3, m: 20 },
  { title: "one channel in", c: 1, m: 32 },
];

/** A convolution and its gradients in image, weight and bias, and what to feed. */
const graphOf = (change: Partial<Case>): { graph: Graph; feeds: Record<string, NDArray> } => {
  const { c, m, kernel, stride, padding, n, size, bias } = { ...plain, ...change };
  const random = new Generator(3);
  const out = size.map((s, i) => {
    const around = (padding[i] as number) + (padding[i + 2] as number);
    return Math.floor((s + around - kernel) / stride) + 1;
  });
  const feeds = {
    x: random.normal([n, c, ...size]),
    weight: random.normal([m, c, kernel, kernel]).mul(0.1),
    bias: random.normal([m]),
    dy: random.normal([n, m, ...out]),
  };
  const graph = trace(feeds, (tensors) => {
    const { x, weight, dy } = tensors;
    const y = conv2d(x, weight, bias ? tensors.bias : undefined, { stride, padding });
    const [dx, dw, db] = vjp(y, [x, weight, tensors.bias], dy) as [Tensor, Tensor, Tensor];
    return { y, dx, dw, db };
  });
  return { graph, feeds };
};

const evaluate = async (model: Uint8Array, feeds: Record<string, NDArray>) => {
  const session = await host.openSession(model, { threads: 1 });
  const results = await session.run(feeds);
  await session.close();
  return results;
};

describe("the target train-cpu", () => {
  it.each(cases)("agrees with the portable one: $title", async ({ title: _, ...change }) => {
    const { graph, feeds } = graphOf(change);
    const target = trainCpu(await blockSize());
    const [got, expected] = await Promise.all(
      [target, portable].map((each) => evaluate(lower(graph, { target: each }), feeds)),
    );
    for (const name of ["y", "dx", "dw", "db"]) {
      const [a, b] = [got?.[name], expected?.[name]].map((array) => NDArray.from(array as NDArray));
      if (!a || !b) throw new Error(`no output ${name}`);
      const largest = Math.max(...b.abs().data);
      expect(Math.max(...a.sub(b).abs().data), name).toBeLessThanOrEqual(tolerance * largest);
    }
  });

  it("leaves the standard only where channels fill blocks", () => {
    const isBlocked = (change: Partial<Case>, block: number) =>
      Buffer.from(lower(graphOf(change).graph, { target: trainCpu(block) })).includes(BLOCKED);
    expect(isBlocked({}, 8)).toBe(true);
    expect(isBlocked({ c: 12 }, 8)).toBe(false);
    expect(isBlocked({}, 1)).toBe(false);
    expect(Buffer.from(lower(graphOf({}).graph)).includes(BLOCKED)).toBe(false);
  });
});

describe("blockSize", () => {
  it("is a power of two, and the same each time", async () => {
    const block = await blockSize();
    expect(Math.log2(block) % 1).toBe(0);
    expect(await blockSize()).toBe(block);
  });
});

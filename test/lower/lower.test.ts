import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { host } from "#host";
import { Generator, NDArray } from "../../src/base/index.ts";
import { lower, portable } from "../../src/lower/index.ts";
import { ModelProtoSchema } from "../../src/lower/onnx_pb.ts";
import {
  attention,
  constant,
  conv2d,
  type Graph,
  gradients,
  groupNorm,
  Parameter,
  silu,
  simplify,
  trace,
} from "../../src/tensor/index.ts";

const parse = (file: Uint8Array) => fromBinary(ModelProtoSchema, file);
const opsOf = (file: Uint8Array): string[] => parse(file).graph?.node.map(({ opType }) => opType) ?? [];
const count = (ops: readonly string[], op: string): number => ops.filter((each) => each === op).length;

const plain = (): Graph =>
  trace({ x: { shape: [2, 3] }, n: { shape: [4], dtype: "int32" } }, ({ x }) => ({ y: x.mul(2).sum([0]) }));

describe("the file", () => {
  test("is standard ONNX: one operator set, no operation of a private domain", () => {
    const image = { shape: [1, 4, 6, 6] };
    const graph = trace({ x: image, w: { shape: [4, 4, 3, 3] }, s: { shape: [4] } }, ({ x, w, s }) => {
      const h = conv2d(x, w, s, { stride: 1, padding: [1, 1, 1, 1] });
      const y = silu(groupNorm(h, s, s, { groups: 2, eps: 1e-5, silu: true })).reshape([1, 4, 36]);
      const loss = attention(y, y, y, { heads: 1, scale: 0.5 }).sum();
      const [dx, dw] = gradients(loss, [x, w]);
      return { dx: dx ?? x, dw: dw ?? w };
    });
    const model = parse(lower(simplify(graph)));
    expect(model.opsetImport.map(({ domain, version }) => [domain, Number(version)])).toEqual([["", 18]]);
    expect(new Set(model.graph?.node.map(({ domain }) => domain))).toEqual(new Set([""]));
  });

  test("has what the gradients of attention share once", () => {
    const tokens = { shape: [2, 5, 4] };
    const graph = trace({ q: tokens, k: tokens, v: tokens }, ({ q, k, v }) => {
      const y = attention(q, k, v, { heads: 1, scale: 0.5 });
      const [dq, dk, dv] = gradients(y.mul(y).sum(), [q, k, v]);
      return { dq: dq ?? q, dk: dk ?? k, dv: dv ?? v };
    });
    const ops = opsOf(lower(graph));
    expect([count(ops, "Softmax"), count(ops, "MatMul")]).toEqual([1, 6]); // scores, result, dy vᵀ, three gradients
  });

  test("declares inputs and outputs with names, dtypes and shapes", () => {
    const { graph } = parse(lower(plain()));
    const show = (values: NonNullable<typeof graph>["input"]) =>
      values.map(({ name, type }) => {
        const tensor = type?.value.case === "tensorType" ? type.value.value : undefined;
        return [name, tensor?.elemType, tensor?.shape?.dim.map(({ value }) => Number(value.value))];
      });
    expect(show(graph?.input ?? [])).toEqual([
      ["x", 1, [2, 3]],
      ["n", 6, [4]],
    ]);
    expect(show(graph?.output ?? [])).toEqual([["y", 1, [3]]]);
  });

  test("has each result before its use and each name once", () => {
    const { graph } = parse(lower(plain()));
    const named = [...(graph?.input ?? []), ...(graph?.initializer ?? [])].map(({ name }) => name);
    const known = new Set(named);
    expect(known.size).toBe(named.length);
    for (const { input, output } of graph?.node ?? []) {
      expect(input.filter((name) => name !== "" && !known.has(name))).toEqual([]);
      for (const name of output) {
        expect(known.has(name)).toBe(false);
        known.add(name);
      }
    }
    expect(known.has("y")).toBe(true);
  });

  test("is the same every time", () => {
    expect(lower(plain())).toEqual(lower(plain()));
  });
});

test("weights become constants of the file, the rest stays an input", () => {
  const parameters = new Map([
    ["a", new Parameter(NDArray.of([1, 2]))],
    ["b", new Parameter(NDArray.of([3, 4]))],
  ]);
  const graph = trace(
    { x: { shape: [2] } },
    ({ x }) => ({ y: [...parameters.values()].reduce((sum, each) => sum.add(each), x) }),
    parameters,
  );
  const model = parse(lower(graph, { weights: new Map([["a", NDArray.of([5, 6])]]) }));
  expect(model.graph?.input.map(({ name }) => name)).toEqual(["x", "b"]);
  const weight = model.graph?.initializer.find(({ name }) => name === "a");
  expect([...new Float32Array(weight?.rawData.slice().buffer ?? new ArrayBuffer(0))]).toEqual([5, 6]);
});

describe("what related operations share is computed once", () => {
  const x = { shape: [2, 4, 3, 3] };
  const channels = { shape: [4] };

  test("group norm and its three gradients standardise once", () => {
    const graph = trace({ x, scale: channels, shift: channels }, ({ x, scale, shift }) => {
      const y = groupNorm(x, scale, shift, { groups: 2, eps: 1e-5, silu: true });
      const [dx, dScale, dShift] = gradients(y.mul(y).sum(), [x, scale, shift]);
      return { y, dx: dx ?? x, dScale: dScale ?? x, dShift: dShift ?? x };
    });
    const ops = opsOf(lower(simplify(graph)));
    expect(count(ops, "LayerNormalization")).toBe(1);
    expect(count(ops, "Sigmoid")).toBe(1);
  });

  test("but not across different inputs or attributes", () => {
    const graph = trace({ x, scale: channels, shift: channels }, ({ x, scale, shift }) => {
      const norm = (eps: number, of = x) => groupNorm(of, scale, shift, { groups: 2, eps, silu: false });
      return { a: norm(1e-5), b: norm(1e-6), c: norm(1e-5, x.exp()) };
    });
    expect(count(opsOf(lower(graph)), "LayerNormalization")).toBe(3);
  });

  test("equal constants are stored once", () => {
    const graph = trace({ x: { shape: [3] } }, ({ x }) => ({ y: x.add(0.5).mul(0.5).sub(0.5) }));
    expect(parse(lower(graph)).graph?.initializer).toHaveLength(1);
  });
});

test("a convolution's gradient in its image is a convolution where the stride is 1", () => {
  const opsFor = (stride: number): string[] => {
    const graph = trace({ x: { shape: [1, 2, 6, 6] }, w: { shape: [3, 2, 3, 3] } }, ({ x, w }) => {
      const y = conv2d(x, w, undefined, { stride, padding: [1, 1, 1, 1] });
      const [dx] = gradients(y.mul(y).sum(), [x]);
      return { dx: dx ?? x };
    });
    return opsOf(lower(simplify(graph)));
  };
  expect([count(opsFor(1), "Conv"), count(opsFor(1), "ConvTranspose")]).toEqual([2, 0]);
  expect([count(opsFor(2), "Conv"), count(opsFor(2), "ConvTranspose")]).toEqual([1, 1]);
});

test("a sum over no axis is what it sums, without simplification as well", async () => {
  const x = NDArray.of([1, 2]);
  const session = await host.openSession(lower(trace({ x }, (t) => ({ y: t.x.sum([]) }))), { threads: 1 });
  expect((await session.run({ x })).y).toMatchObject({ shape: [2], data: x.data });
  await session.close();
});

test("a constant is written with its numbers", () => {
  const value = new Generator(1).normal([100]);
  const graph = trace({ x: { shape: [100] } }, ({ x }) => ({ y: x.mul(constant(value)) }));
  const [stored] = parse(lower(graph)).graph?.initializer ?? [];
  expect(new Float32Array(stored?.rawData.slice().buffer ?? new ArrayBuffer(0))).toEqual(value.data);
});

/** y = x · w, where w has 64 kB. */
const product = (): Graph =>
  trace({ x: { shape: [2, 64] }, w: { shape: [64, 256] } }, ({ x, w }) => ({ y: x.matmul(w) }));

describe.each([
  ["a file", portable],
  ["a plan", { engine: "native", block: 1 }],
] as const)("weights that %s does not hold", (_, target) => {
  test("take no room in it, and are had by their names when it is opened", async () => {
    const weights = new Map([["w", new Generator(1).normal([64, 256])]]);
    const whole = lower(product(), { target, weights });
    const without = lower(product(), { target, held: new Set(["w"]) });
    expect(whole.length).toBeGreaterThan(65536);
    expect(without.length).toBeLessThan(4096);
    if (target !== portable && !host.nativeEngine()) return;
    const x = new Generator(2).normal([2, 64]);
    const run = async (model: Uint8Array, held = {}) => {
      const session = await host.openSession(model, { held });
      const { y } = await session.run({ x });
      await session.close();
      return y?.data;
    };
    expect(await run(without, Object.fromEntries(weights))).toEqual(await run(whole));
  });
});

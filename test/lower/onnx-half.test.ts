import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { encodeTensor } from "../../src/formats/index.ts";
import { lowered, toHalfModel } from "../../src/lower/index.ts";
import { onnxFiles } from "../../src/lower/onnx-file.ts";
import { groupNorm, parameters, sinusoids, stateOf } from "../../src/nn/index.ts";
import { type Graph, input, softmax, type Tensor, trace } from "../../src/tensor/index.ts";

const FLOAT = 1;
const HALF = 10;
const toHalf = (values: Float32Array): Uint8Array =>
  encodeTensor(new NDArray(values, [values.length], "float32"), true);

const modelOf = (graph: Graph, weights: ReadonlyMap<string, NDArray> = new Map()) =>
  toHalfModel(lowered(graph, { weights }).model(), toHalf);

const run = async (model: ReturnType<typeof modelOf>, feeds: Readonly<Record<string, NDArray>>) => {
  const session = await InferenceSession.create(onnxFiles(model, { version: "", metadata: {} }).model);
  const given = Object.entries(feeds).map(
    ([name, { data, shape }]) => [name, new OrtTensor("float32", data as Float32Array, shape)] as const,
  );
  const { y } = await session.run(Object.fromEntries(given));
  return y?.data as Float32Array;
};

const weightTypes = (model: ReturnType<typeof modelOf>, names: readonly string[]) =>
  names.map((name) => model.graph?.initializer.find((tensor) => tensor.name === name)?.dataType);

describe("a model in float16", () => {
  const x = input([4, 8]);
  const w = input([8, 8]);

  it("multiplies by weights of two bytes, and takes and gives float32", async () => {
    const graph: Graph = {
      inputs: new Map([
        ["x", x],
        ["w", w],
      ]),
      outputs: new Map([["y", x.matmul(w)]]),
    };
    const random = new Generator(1);
    const values = random.normal([8, 8]);
    const model = modelOf(graph, new Map([["w", values]]));
    expect(weightTypes(model, ["w"])).toEqual([HALF]);
    const feed = random.normal([4, 8]);
    const y = await run(model, { x: feed });
    const exact = await run(lowered(graph, { weights: new Map([["w", values]]) }).model(), { x: feed });
    const apart = Math.max(...y.map((value, i) => Math.abs(value - (exact[i] as number))));
    expect(apart).toBeGreaterThan(0);
    expect(apart).toBeLessThan(0.02); // eleven bits of sums of eight products near 1
  });

  it("knows waves of large times to float16's last place, though it knows times to the nearest half", async () => {
    const graph = trace({ t: { shape: [3] } }, ({ t }) => ({
      y: sinusoids(t, 16, { flip: true, shift: 0 }),
    }));
    const feeds = { t: NDArray.of([999.25, 501.75, 0.125]) };
    const [half, whole] = [await run(modelOf(graph), feeds), await run(lowered(graph).model(), feeds)];
    expect(Math.max(...half.map((value, i) => Math.abs(value - (whole[i] as number))))).toBeLessThan(
      2 ** -11,
    );
  });

  it("finds means and deviations of what is far from 0 as float32 does", async () => {
    const norm = groupNorm(4, { groups: 2, eps: 1e-5, silu: false });
    const graph = trace(
      { x: { shape: [1, 4, 16, 16] } },
      (feeds) => ({ y: norm.forward(feeds.x) }),
      parameters(norm),
    );
    const far = new Generator(2).normal([1, 4, 16, 16]).mul(8).add(900);
    const [half, whole] = [modelOf(graph, stateOf(norm)), lowered(graph, { weights: stateOf(norm) }).model()];
    expect(weightTypes(half, ["weight", "bias"])).toEqual([HALF, HALF]);
    const [a, b] = [await run(half, { x: far }), await run(whole, { x: far })];
    // The input itself is rounded to the nearest half or quarter, 8 deviations of which are 0.03.
    expect(Math.max(...a.map((value, i) => Math.abs(value - (b[i] as number))))).toBeLessThan(0.05);
  });

  it("weighs by a softmax of float32", () => {
    const graph: Graph = { inputs: new Map([["x", x]]), outputs: new Map([["y", softmax(x.mul(2)).mul(3)]]) };
    const nodes = modelOf(graph).graph?.node ?? [];
    const at = nodes.findIndex(({ opType }) => opType === "Softmax");
    const casts = nodes.filter(({ opType }) => opType === "Cast");
    const to = (name: string | undefined) =>
      Number(casts.find(({ output }) => output[0] === name)?.attribute[0]?.i);
    expect(to(nodes[at]?.input[0])).toBe(FLOAT);
    const user = nodes.find(({ input: names, opType }) => opType === "Mul" && to(names[0]) === HALF);
    expect(user).toBeDefined();
  });

  it("keeps a constant that float16 has not, with what it goes into", async () => {
    const graph: Graph = { inputs: new Map([["x", x]]), outputs: new Map([["y", x.add(1e-9).mul(1e9)]]) };
    const y = await run(modelOf(graph), { x: NDArray.zeros([4, 8]) });
    expect([...y].every((value) => Math.abs(value - 1) < 1e-6)).toBe(true);
  });

  it("leaves whole numbers alone", async () => {
    const graph: Graph = {
      inputs: new Map<string, Tensor<"input">>([["x", x]]),
      outputs: new Map([["y", x.reshape([2, 16]).transpose([1, 0])]]),
    };
    const feed = NDArray.of(
      Array.from({ length: 32 }, (_, i) => i),
      [4, 8],
    );
    expect([...(await run(modelOf(graph), { x: feed }))].slice(0, 4)).toEqual([0, 16, 1, 17]);
  });
});

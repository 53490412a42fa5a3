import { describe, expect, test } from "vitest";
import { NDArray, ShapeError } from "../../src/base/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { cast, constant, greater, Parameter, type Tensor, trace } from "../../src/tensor/index.ts";

const double = () => trace({ x: { shape: [2, 3] } }, ({ x }) => ({ y: x.mul(2).add(1) }));
const x = NDArray.of([1, 2, 3, 4, 5, 6], [2, 3]);

describe.each([false, true])("with worker: %s", (worker) => {
  test("a traced function runs", async () => {
    const f = await compile(double(), { worker });
    const { y } = await f({ x });
    expect(y).toBeInstanceOf(NDArray);
    expect([...(y?.data ?? [])]).toEqual([3, 5, 7, 9, 11, 13]);
    await f.close();
  });

  test("concurrent runs get their own results", async () => {
    const f = await compile(double(), { worker });
    const feeds = Array.from({ length: 8 }, (_, i) => NDArray.full([2, 3], i));
    const results = await Promise.all(feeds.map((each) => f({ x: each })));
    expect(results.map(({ y }) => y?.data[5])).toEqual([1, 3, 5, 7, 9, 11, 13, 15]);
    await f.close();
  });

  test("a result and a feed stay as they are when the function runs again", async () => {
    const f = await compile(double(), { worker });
    const { y } = await f({ x });
    await f({ x: NDArray.zeros([2, 3]) });
    expect(y?.data[0]).toBe(3);
    expect([...x.data]).toEqual([1, 2, 3, 4, 5, 6]);
    await f.close();
  });

  test("closing twice is closing once, and a closed function says so", async () => {
    const f = await compile(double(), { worker });
    await f.close();
    await f.close();
    await expect(f({ x })).rejects.toThrow("compiled function: expected an open session, got a closed one");
  });

  test("closing waits for the runs before it", async () => {
    const f = await compile(double(), { worker });
    const run = f({ x });
    await f.close();
    expect((await run).y?.data[0]).toBe(3);
  });

  test("results have their dtypes", async () => {
    const graph = trace({ x: { shape: [3] }, n: { shape: [2], dtype: "int32" } }, (t) => ({
      bool: greater(t.x, constant(0)),
      int32: t.n,
      uint8: cast(t.n, "uint8"),
      float32: cast(t.n, "float32"),
    }));
    const f = await compile(graph, { worker });
    const results = await f({ x: NDArray.of([-1, 0, 1]), n: NDArray.of([1, 2], [2], "int32") });
    for (const [dtype, array] of Object.entries(results)) expect(array.dtype).toBe(dtype);
    expect([...(results.bool?.data ?? [])]).toEqual([0, 0, 1]);
    await f.close();
  });
});

describe("feeds", () => {
  test("are refused with what was expected", async () => {
    const f = await compile(double(), { worker: false });
    const refused: [Record<string, NDArray>, string][] = [
      [{ x: NDArray.zeros([3, 2]) }, 'feed "x": expected float32[2, 3], got float32[3, 2]'],
      [{ x: NDArray.zeros([2, 3], "int32") }, 'feed "x": expected float32[2, 3], got int32[2, 3]'],
      [{ z: x }, "feeds: expected x, got z"],
      [{}, "feeds: expected x, got nothing"],
      [{ x, z: x }, "feeds: expected x, got x, z"],
    ];
    for (const [feeds, message] of refused) {
      await expect(f(feeds)).rejects.toThrow(ShapeError);
      await expect(f(feeds)).rejects.toThrow(message);
    }
    await f.close();
  });
});

describe("weights", () => {
  const weight = new Parameter(NDArray.of([1, 2, 3]));
  const scaled = () =>
    trace({ x: { shape: [2, 3] } }, (t: { x: Tensor }) => ({ y: t.x.mul(weight) }), new Map([["w", weight]]));

  test("are fixed and no longer fed", async () => {
    const f = await compile(scaled(), { worker: false, weights: new Map([["w", NDArray.of([1, 0, 10])]]) });
    expect([...((await f({ x })).y?.data ?? [])]).toEqual([1, 0, 30, 4, 0, 60]);
    await expect(f({ x, w: weight.value })).rejects.toThrow("feeds: expected x, got w, x");
    await f.close();
  });

  test("that are not given are fed", async () => {
    const f = await compile(scaled(), { worker: false });
    expect((await f({ x, w: NDArray.of([2, 2, 2]) })).y?.data[5]).toBe(12);
    await f.close();
  });

  test("of another shape are refused", async () => {
    const weights = new Map([["w", NDArray.of([1, 2])]]);
    await expect(compile(scaled(), { worker: false, weights })).rejects.toThrow(
      'weight "w": expected float32[3], got float32[2]',
    );
  });
});

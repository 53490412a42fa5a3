import { setTimeout as pause } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import { host } from "#host";
import { Generator, NDArray } from "../../src/base/index.ts";
import { lower, type NativeTarget } from "../../src/lower/index.ts";
import { autoPrecision, compile, inferTarget, precisionOf, trainTarget } from "../../src/runtime/index.ts";
import { conv2d, softmax, trace } from "../../src/tensor/index.ts";

const native: NativeTarget = { engine: "native", block: 8 };
const random = new Generator(2);
const feeds = { x: random.normal([2, 16, 32, 32]), weight: random.normal([16, 16, 3, 3]) };
/** Some convolutions one after another: long enough to be disturbed. */
const graph = trace(feeds, ({ x, weight }) => {
  let y = x;
  for (let i = 0; i < 8; i++) y = conv2d(y, weight.mul(0.1), undefined, { stride: 1, padding: [1, 1, 1, 1] });
  return { y };
});

const largest = (x: NDArray): number =>
  [...x.data].reduce((most, value) => Math.max(most, Math.abs(value)), 0);

describe.runIf(host.nativeEngine() !== null)("the native engine", () => {
  test("runs two plans at once, and each in the order in which it was asked", async () => {
    const model = lower(graph, { target: native });
    const sessions = await Promise.all([1, 2].map((threads) => host.openSession(model, { threads })));
    const doubled = { ...feeds, x: feeds.x.mul(2) };
    const runs = sessions.flatMap((session) => [
      session.run(feeds),
      session.run(doubled),
      session.run(feeds),
    ]);
    const results = (await Promise.all(runs)).map(({ y }) => NDArray.from(y as NDArray));
    for (const [i, y] of results.entries()) {
      const wanted = (results[0] as NDArray).mul(i % 3 === 1 ? 2 : 1);
      expect(largest(y.sub(wanted))).toBeLessThan(1e-4 * largest(wanted));
    }
    for (const session of sessions) await session.close();
  });

  test("is the same in a worker, which ends when it is closed", async () => {
    const run = await compile(graph, { target: native, threads: 2 });
    const here = await compile(graph, { target: native, threads: 2, worker: false });
    expect((await run(feeds)).y).toEqual((await here(feeds)).y);
    await run.close();
    await here.close();
  });

  // OpenMP's threads look for work for some 10 ms and then sleep. One that never does takes the whole second, or its share.
  test("takes no processor time once a run is done", async () => {
    const session = await host.openSession(lower(graph, { target: native }), { threads: 2 });
    await session.run(feeds);
    const before = process.cpuUsage();
    await pause(1000);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1e6).toBeLessThan(0.15);
    await session.close();
  });

  // A megabyte a run, and two a plan: kept, they would come to 300. What is left to be collected is less than half of it.
  test("keeps no memory of runs that are done, nor of plans that are closed", async () => {
    const x = random.normal([16, 16, 32, 32]);
    const one = trace({ x }, ({ x }) => ({ y: softmax(x.exp()) }));
    const model = lower(one, { target: native });
    const runs = async (count: number) => {
      const session = await host.openSession(model, { threads: 1 });
      for (let i = 0; i < count; i++) await session.run({ x });
      await session.close();
    };
    const plans = async (count: number) => {
      for (let i = 0; i < count; i++) await runs(1);
    };
    for (const act of [() => runs(300), () => plans(150)]) {
      await act();
      const before = process.memoryUsage.rss();
      await act();
      expect((process.memoryUsage.rss() - before) / 1e6).toBeLessThan(150);
    }
  });

  test("outlives a worker that is terminated in the middle of a run", async () => {
    const module = new URL("./native-worker.ts", import.meta.url);
    for (let i = 0; i < 3; i++) {
      const worker = new Worker(module, { workerData: lower(graph, { target: native }) });
      await new Promise((resolve) => worker.once("message", resolve));
      expect(await worker.terminate()).toBe(1);
    }
    const session = await host.openSession(lower(graph, { target: native }), { threads: 2 });
    expect(NDArray.from((await session.run(feeds)).y as NDArray).isFinite()).toBe(true);
    await session.close();
  });
});

test("a backend that is there is taken, and one that is not is refused", () => {
  expect(inferTarget("onnx")).toBe(host.inferTarget);
  if (host.nativeEngine()) expect(inferTarget()).toMatchObject({ engine: "native" });
  else expect(() => inferTarget("native")).toThrow("build it with: npm run build:native");
});

test("auto is bf16 where the processor has it, and only there", async () => {
  const engine = { onednn: "", isa: "" };
  expect([true, false].map((bf16) => autoPrecision({ ...engine, bf16 }))).toEqual(["bf16", "fp32"]);
  const found = host.nativeEngine();
  expect(precisionOf(await trainTarget())).toBe(found ? autoPrecision(found) : "fp32");
  expect(precisionOf(inferTarget())).toBe("fp32");
  expect(precisionOf(await trainTarget("onnx"))).toBe("fp32");
});

test("bf16 is computed where it is asked for, and refused to onnxruntime", async () => {
  if (host.nativeEngine()) expect(precisionOf(await trainTarget("auto", "bf16"))).toBe("bf16");
  expect(() => inferTarget("onnx", "bf16")).toThrow(
    /precision bf16: expected the native engine, got onnxruntime/,
  );
  await expect(trainTarget("onnx", "bf16")).rejects.toThrow("leave --backend out");
});

import { describe, expect, test } from "vitest";
import { host } from "#host";
import { Generator, NDArray } from "../../src/base/index.ts";
import { lower, type NativeTarget, portable, readPlan } from "../../src/lower/index.ts";
import { conv2d, groupNorm, trace } from "../../src/tensor/index.ts";
import { evaluate, network, networks } from "./networks.ts";
import { attentionPrograms, blockedPrograms, gradientPrograms, plainPrograms } from "./programs.ts";
import { describeTogether } from "./together.ts";

const built = host.nativeEngine() !== null;
/** With channels innermost, and in blocks of those that fill them. */
const targets = [1, 8].map((block): NativeTarget => ({ engine: "native", block }));
const [native] = targets as [NativeTarget];

if (built) {
  for (const target of targets)
    describeTogether(`the native engine in blocks of ${target.block}`, target, blockedPrograms);
  describeTogether("the native engine attends as the plain loops do", native, attentionPrograms);
  describeTogether("the native engine computes what the plain loops do", native, plainPrograms);
  describeTogether(
    "the native engine computes the gradients that the plain loops do",
    native,
    gradientPrograms,
  );
}

/** Convolution, norm and a residual: what lies with its channels innermost from one step to the next. */
const random = new Generator(4);
const feeds = {
  x: random.normal([2, 12, 7, 5]),
  weight: random.normal([12, 12, 3, 3]).mul(0.1),
  scale: random.normal([12]),
  shift: random.normal([12]),
};
const graph = trace(feeds, ({ x, weight, scale, shift }) => {
  const h = groupNorm(x, scale, shift, { groups: 3, eps: 1e-5, silu: true });
  return { y: conv2d(h, weight, undefined, { stride: 1, padding: [1, 1, 1, 1] }).add(x) };
});

test("a plan names what is fed and what comes out, and its steps are few", () => {
  const plan = readPlan(lower(graph, { target: native }));
  expect(plan?.feeds.map(({ name }) => name)).toEqual(["x", "weight", "scale", "shift"]);
  expect(plan?.outputs).toEqual([{ name: "y", dtype: "float32", shape: [2, 12, 7, 5] }]);
  const [, , steps] = plan?.words ?? [];
  expect(steps).toBeLessThanOrEqual(5); // x with its channels innermost, norm, convolution, sum
  expect(readPlan(lower(graph))).toBeNull();
});

describe.runIf(built)("a plan in the native engine", () => {
  test("lays no result over what the same step still walks in another way", async () => {
    const x = random.normal([64, 64]);
    const both = trace({ x }, ({ x }) => {
      const y = x.exp();
      return { z: y.add(y.transpose()).matmul(x) };
    });
    const [got, wanted] = await Promise.all(
      [native, portable].map((target) => evaluate(target, { graph: both, feeds: { x } })),
    );
    const [z, expected] = [got, wanted].map((results) => NDArray.from(results?.z as NDArray)) as [
      NDArray,
      NDArray,
    ];
    expect(Math.max(...z.sub(expected).abs().data)).toBeLessThan(2e-5 * Math.max(...expected.abs().data));
  });

  test.each(networks.flatMap((channels) => targets.map((target) => [channels, target] as const)))(
    "has the loss and the gradients of a U-Net of %o: %o",
    async (channels, target) => {
      const net = network(channels);
      const [got, wanted] = [await evaluate(target, net), await evaluate(portable, net)];
      for (const [name, { data }] of Object.entries(wanted)) {
        const largest = Math.max(1e-3, ...Array.from(data, Math.abs));
        const far = Math.max(
          ...Array.from(data, (value, i) => Math.abs(value - (got[name]?.data[i] as number))),
        );
        expect(far / largest, name).toBeLessThan(1e-4);
      }
    },
  );

  test("gives the same as onnxruntime, with weights fed or fixed, and again", async () => {
    const [onnx, fed, fixed] = await Promise.all(
      [
        lower(graph, { target: portable }),
        lower(graph, { target: native }),
        lower(graph, { target: native, weights: new Map([["weight", feeds.weight]]) }),
      ].map((model) => host.openSession(model, { threads: 2 })),
    );
    const wanted = NDArray.from((await onnx?.run(feeds))?.y as NDArray);
    for (const session of [fed, fixed, fed]) {
      const y = NDArray.from((await session?.run(feeds))?.y as NDArray);
      expect(Math.max(...y.sub(wanted).abs().data)).toBeLessThan(2e-5 * Math.max(...wanted.abs().data));
    }
    for (const session of [onnx, fed, fixed]) await session?.close();
  });

  test("writes results into what it is given", async () => {
    const session = await host.openSession(lower(graph, { target: native }), { threads: 2 });
    const y = NDArray.zeros([2, 12, 7, 5]);
    const results = await session.run(feeds, { y });
    expect(results.y).toBe(y);
    expect(Math.max(...y.abs().data)).toBeGreaterThan(0.1);
    await session.close();
    await expect(async () => session.run(feeds)).rejects.toThrow();
  });

  test("refuses a feed of another size", async () => {
    const session = await host.openSession(lower(graph, { target: native }), { threads: 2 });
    await expect(async () => session.run({ ...feeds, scale: NDArray.zeros([11]) })).rejects.toThrow(/44/);
    await session.close();
  });
});

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { inferCpu, lower, lowered, portable, unify } from "../../src/lower/index.ts";
import { unet2d, unet2dSchema } from "../../src/models/index.ts";
import { leaves, stateOf } from "../../src/nn/index.ts";
import { compile, compileSymbolic } from "../../src/runtime/index.ts";
import { broadcastTo, type Graph, relu, type Tensor, trace } from "../../src/tensor/index.ts";

const folder = new URL("../fixtures/unet2d/", import.meta.url);
const configurations = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name) => {
    const { config } = JSON.parse(readFileSync(new URL(name, folder), "utf8"));
    return [name.replace(".json", ""), unet2dSchema.parse(config)] as const;
  });

/** Sums of float32 in another order: the same kernels run on the same numbers, but may split their work by size. */
const TOLERANCE = 1e-5;

const distance = (a: NDArray, b: NDArray): number => Math.max(...a.sub(b).abs().data);

describe("one symbolic session of a U-Net gives what sessions of one size give", () => {
  it.each(configurations)("%s", async (_, config) => {
    const network = unet2d(config, new Generator(0));
    const factor = 2 ** (config.block_out_channels.length - 1);
    const classes = config.num_class_embeds ?? null;
    const feedsOf = (n: number, h: number, w: number) => {
      const random = new Generator(n + h);
      return {
        x: random.normal([n, config.in_channels, h, w]),
        t: NDArray.of(Array.from({ length: n }, (_, i) => 1 + 3 * i)),
        ...(classes !== null && {
          labels: NDArray.of(
            Array.from({ length: n }, (_, i) => i % 3),
            [n],
            "int32",
          ),
        }),
        ...(config.class_embed_type === "timestep" && {
          times: NDArray.of(Array.from({ length: n }, (_, i) => i)),
        }),
        ...(config.class_embed_type === "identity" && {
          vectors: random.normal([
            n,
            config.time_embedding_dim ?? 4 * (config.block_out_channels[0] as number),
          ]),
        }),
      };
    };
    const graphAt = ({ n = 1, h = factor, w = factor }): Graph => {
      const feeds = feedsOf(n, h, w);
      const specs = Object.fromEntries(
        Object.entries(feeds).map(([name, { shape, dtype }]) => [name, { shape, dtype }]),
      );
      return trace(
        specs,
        (named) => {
          const { x, t, labels, times, vectors } = named as Record<string, Tensor>;
          return {
            y: network.forward(x as Tensor, t as Tensor, { classLabels: labels ?? times ?? vectors }),
          };
        },
        leaves(network),
      );
    };
    const weights = stateOf(network);
    const symbols = { n: 1, h: 2 * factor, w: 2 * factor };
    const symbolic = await compileSymbolic({ symbols, at: graphAt }, { weights, worker: false });
    for (const [n, h, w] of [
      [1, 4 * factor, 4 * factor],
      [3, 2 * factor, 6 * factor],
      [16, 4 * factor, 2 * factor],
    ] as const) {
      const feeds = feedsOf(n, h, w);
      const fixed = await compile(graphAt({ n, h, w }), { weights, worker: false });
      const [a, b] = [(await symbolic(feeds)).y as NDArray, (await fixed(feeds)).y as NDArray];
      await fixed.close();
      expect(a.shape).toEqual(b.shape);
      expect(distance(a, b)).toBeLessThan(TOLERANCE * (1 + Math.max(...b.abs().data)));
    }
    const odd = feedsOf(2, 3 * factor, 2 * factor);
    await expect(symbolic(odd)).rejects.toThrow(`size h: expected a multiple of ${2 * factor}`);
    await symbolic.close();
  });
});

describe("a symbolic function", () => {
  const double = {
    symbols: { n: 1 },
    at: ({ n = 1 }) =>
      trace({ x: { shape: [n, 3] }, y: { shape: [n] } }, ({ x, y }) => ({
        z: relu(x)
          .mul(2)
          .add(y.reshape([n, 1]))
          .reshape([3 * n]),
      })),
  };

  it("takes every size, the same one in all feeds", async () => {
    const run = await compileSymbolic(double, { worker: false });
    for (const n of [1, 2, 7]) {
      const x = NDArray.of(
        Array.from({ length: 3 * n }, (_, i) => i - 2),
        [n, 3],
      );
      const y = NDArray.of(Array.from({ length: n }, (_, i) => i));
      const { z } = await run({ x, y });
      const want = [...x.data].map((value, i) => 2 * Math.max(0, value) + Math.floor(i / 3));
      expect([...(z as NDArray).data]).toEqual(want);
    }
    const [x, y] = [NDArray.zeros([2, 3]), NDArray.zeros([3])];
    await expect(run({ x, y })).rejects.toThrow('feed "y": expected float32[n] with n = 2, got float32[3]');
    await expect(run({ x, y: NDArray.zeros([2], "int32") })).rejects.toThrow('feed "y": expected float32[n]');
    await expect(run({ x: NDArray.zeros([2, 4]), y })).rejects.toThrow('feed "x": expected float32[n, 3]');
    await expect(run({ x })).rejects.toThrow("feeds: expected x, y, got x");
    await run.close();
  });

  it("is written with the names of its sizes", () => {
    const witnesses = [2, 3, 5].map((n) => ({ sizes: { n }, onnx: lowered(double.at({ n })) }));
    const { onnx, inputs } = unify(witnesses);
    expect(onnx.inputs.map(({ shape }) => shape)).toEqual([["n", 3], ["n"]]);
    expect(onnx.outputs.map(({ shape }) => shape)).toEqual([["3*n"]]);
    expect(inputs[0]?.shape[0]).toEqual({ symbols: ["n"], numerator: 1, denominator: 1 });
  });

  it("without symbols is the graph itself", () => {
    const graph = trace({ x: { shape: [2, 3] } }, ({ x }) => ({ y: relu(x).reshape([6]) }));
    for (const target of [portable, inferCpu]) {
      const witness = () => ({ sizes: {}, onnx: lowered(graph, { target }) });
      expect(unify([witness(), witness()]).onnx.finish()).toEqual(lower(graph, { target }));
    }
  });

  it("whose graph changes its form with the size is refused", async () => {
    const at = ({ n = 1 }) => trace({ x: { shape: [n] } }, ({ x }) => ({ y: n > 2 ? relu(x) : x.neg() }));
    await expect(compileSymbolic({ symbols: { n: 1 }, at }, { worker: false })).rejects.toThrow(
      "expected a function whose graph has one form at every size, got an operation that changes",
    );
    const square = ({ n = 1 }) =>
      trace({ x: { shape: [n] } }, ({ x }) => ({ y: broadcastTo(x.reshape([1, n]), [n * n + 1, n]) }));
    await expect(compileSymbolic({ symbols: { n: 1 }, at: square }, { worker: false })).rejects.toThrow(
      "a size that changes with the size: 5, 10, 26",
    );
  });
});

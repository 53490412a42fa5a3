import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { Generator, NDArray, showShape } from "../../src/base/index.ts";
import { readSafetensors } from "../../src/formats/index.ts";
import { autoencoderKl, autoencoderKlSchema } from "../../src/models/index.ts";
import { leaves, loadState, stateOf } from "../../src/nn/index.ts";
import { tiled } from "../../src/pipelines/tiling.ts";
import { type Compiled, compile } from "../../src/runtime/index.ts";
import { type Tensor, trace } from "../../src/tensor/index.ts";
import { spread } from "../models/spread.ts";

/** Of the largest value: what the project promises against the reference implementation in float32. */
const OUTPUT_TOLERANCE = 1e-4;

const largest = ({ data }: NDArray): number => Math.max(...[...data].map(Math.abs));
const expectNear = (got: NDArray, wanted: NDArray) => {
  expect(got.shape).toEqual(wanted.shape);
  expect(largest(got.sub(wanted))).toBeLessThan(OUTPUT_TOLERANCE * largest(wanted));
};
/** [1, c, h, w] with each pixel in a place of 2×2. */
const doubled = (x: NDArray): NDArray => {
  const [, c = 0, h = 0, w = 0] = x.shape;
  const places = Array.from({ length: 4 * c * h * w }, (_, i) => {
    const [column, row] = [i % (2 * w), Math.floor(i / (2 * w)) % (2 * h)];
    return (Math.floor(i / (4 * h * w)) * h + Math.floor(row / 2)) * w + Math.floor(column / 2);
  });
  return NDArray.of(
    places.map((place) => x.data[place] as number),
    [1, c, 2 * h, 2 * w],
  );
};

describe("tiled", () => {
  it.each([
    [1, 1],
    [8, 8],
    [9, 5],
    [23, 17],
    [6, 41],
  ])("makes of %i×%i what the whole gives where every pixel stands for itself", async (h, w) => {
    const x = new Generator(h).normal([1, 3, h, w]);
    const got = await tiled(x, async (tile) => doubled(tile), { tile: 8, scale: 2 });
    const wanted = doubled(x);
    expect(got.shape).toEqual(wanted.shape);
    expect(largest(got.sub(wanted))).toBeLessThan(1e-6);
  });

  it("goes over from tile to tile without a seam, where tiles differ", async () => {
    let count = 0;
    const levels = async (tile: NDArray) => NDArray.full(tile.shape, count++);
    const { data } = await tiled(NDArray.zeros([1, 1, 4, 40]), levels, { tile: 16, scale: 1 });
    const steps = Array.from({ length: 39 }, (_, i) =>
      Math.abs((data[i + 1] as number) - (data[i] as number)),
    );
    // 4 columns lie over one another: a quarter of the difference, between 1 and 2, is the largest step.
    expect(Math.max(...steps)).toBeLessThan(0.51);
    expect(count).toBe(4);
  });

  it.each([
    [6, 2, 6],
    [0, 1, 0],
    [8, 1 / 4, 2],
  ])("refuses tiles of %i that become %f times as large", async (tile, scale, got) => {
    const made = tiled(NDArray.zeros([1, 1, 8, 8]), async (x) => x, { tile, scale });
    await expect(made).rejects.toThrow(`tiled: expected tiles with sides that 4 divides, got ${got}`);
  });

  it("leaves what goes in as it is, and asks for tiles of one shape together", async () => {
    const x = new Generator(1).normal([1, 2, 20, 27]);
    const before = x.clone();
    const shapes: string[] = [];
    const run = async (tile: NDArray) => {
      shapes.push(showShape(tile.shape));
      return tile;
    };
    await tiled(x, run, { tile: 8, scale: 1 });
    expect(x).toEqual(before);
    const changes = shapes.filter((shape, i) => shape !== shapes[i - 1]);
    expect(changes).toEqual([...new Set(shapes)]);
    expect(shapes.length).toBe(20);
  });
});

/** A module's function, compiled anew where the shape is another than the last. */
const once = (module: object, f: (x: Tensor) => Tensor) => {
  let open: { readonly shape: string; readonly compiled: Compiled } | undefined;
  const close = async () => open?.compiled.close();
  const run = async (x: NDArray) => {
    const shape = showShape(x.shape);
    if (open?.shape !== shape) {
      await close();
      const graph = trace({ x }, (named) => ({ y: f(named.x as Tensor) }), leaves(module));
      open = { shape, compiled: await compile(graph, { worker: false, weights: stateOf(module) }) };
    }
    return (await open.compiled({ x })).y as NDArray;
  };
  return { run, close };
};

describe.each(["stable", "wide", "plain"])("an autoencoder's tiles, %s,", async (name) => {
  const url = (ending: string) => new URL(`../fixtures/autoencoders/${name}.${ending}`, import.meta.url);
  const { config, seed } = JSON.parse(await readFile(url("json"), "utf8"));
  const { tensors } = readSafetensors(await readFile(url("safetensors")), name);
  const first = (key: string) => (tensors.get(key) as NDArray).rows(0, 1);
  const net = autoencoderKl(autoencoderKlSchema.parse(config), new Generator(seed));
  loadState(net, spread(net));

  it.each([
    ["encode", "pictures", "tiled.moments", "moments"],
    ["decode", "latents", "tiled.decoded", "decoded"],
  ] as const)("%s as diffusers' do", async (task, from, to, whole) => {
    const { run, close } = once(net, (x) => net[task](x));
    const factor = 2 ** (config.block_out_channels.length - 1);
    const [tile, scale] =
      task === "encode" ? [config.sample_size, 1 / factor] : [config.sample_size / factor, factor];
    const got = await tiled(first(from), run, { tile, scale });
    await close();
    expectNear(got, first(to));
    expect(largest(got.sub(first(whole)))).toBeGreaterThan(OUTPUT_TOLERANCE * largest(got));
  });
});

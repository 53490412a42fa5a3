import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { readSafetensors } from "../../src/formats/index.ts";
import { type UNet2D, unet2d, unet2dSchema } from "../../src/models/index.ts";
import { DropoutMasks, leaves, loadState, parameters, stateOf } from "../../src/nn/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { gradients, input, type Named, type Parameter, type Tensor, trace } from "../../src/tensor/index.ts";

/** Of the largest value: what the project promises against the reference implementation in float32. */
const OUTPUT_TOLERANCE = 1e-4;
const GRADIENT_TOLERANCE = 1e-3;
/** Gradients that are zero in exact arithmetic (`to_k.bias`) are rounding noise below this. */
const ROUNDING = 1e-7;
/** Of torch's draws: uniforms are exact and round once on the way to their bounds, normals differ by 3e-7. */
const DRAW_ROUNDING = 1e-6;

/** Fixtures that hold every tensor whole, and fixtures that hold some elements of each. */
const whole = ["down", "scale-shift", "fourier", "digits"];
const thin = ["resnet", "skip", "attn-skip", "mixed", "class-times", "adm"];

const read = async (name: string) => {
  const url = (ending: string) => new URL(`../fixtures/unet2d/${name}.${ending}`, import.meta.url);
  const { config, seed, shapes } = JSON.parse(await readFile(url("json"), "utf8"));
  const { tensors } = readSafetensors(await readFile(url("safetensors")), name);
  const starting = (prefix: string) =>
    new Map(
      [...tensors].flatMap(([key, value]) =>
        key.startsWith(prefix) ? [[key.slice(prefix.length), value] as const] : [],
      ),
    );
  return {
    config,
    seed: seed as number,
    shapes: shapes as Readonly<Record<string, readonly number[]>>,
    weights: starting("weight."),
    inputs: Object.fromEntries(starting("input.")),
    gradients: starting("gradient."),
    output: tensors.get("output") as NDArray,
  };
};

const largest = ({ data }: NDArray): number => Math.max(...[...data].map((x) => Math.abs(x)));
const distance = (a: NDArray, b: NDArray): number => {
  expect(a.shape).toEqual(b.shape);
  return largest(a.sub(b));
};

/** Output and gradients of a fixture's loss under the network's own weights. */
const evaluate = async (net: UNet2D, inputs: Named<NDArray>) => {
  const trained = parameters(net);
  const graph = trace(
    inputs,
    (tensors) => {
      const { sample, timestep, target, class_labels } = tensors as Named<Tensor> & {
        sample: Tensor;
        timestep: Tensor;
        target: Tensor;
      };
      const output = net.forward(sample, timestep, { classLabels: class_labels });
      const error = output.sub(target);
      const found = gradients(error.mul(error).mean(), [sample, ...trained.values()]);
      const names = ["sample", ...trained.keys()].map((key) => `gradient.${key}`);
      return { output, ...Object.fromEntries(names.map((key, i) => [key, found[i] as Tensor])) };
    },
    leaves(net),
  );
  const run = await compile(graph, { worker: false, weights: stateOf(net) });
  const results = await run(inputs);
  await run.close();
  return {
    output: results.output as NDArray,
    gradient: (key: string) => results[`gradient.${key}`] as NDArray,
  };
};

const expectFixture = async (
  net: UNet2D,
  fixture: Awaited<ReturnType<typeof read>>,
  kept: (whole: NDArray) => NDArray,
): Promise<void> => {
  const { output, gradient } = await evaluate(net, fixture.inputs);
  expect(distance(output, fixture.output)).toBeLessThan(OUTPUT_TOLERANCE * largest(fixture.output));
  expect([...parameters(net).keys(), "sample"].sort()).toEqual([...fixture.gradients.keys()].sort());
  for (const [key, expected] of fixture.gradients) {
    const limit = Math.max(GRADIENT_TOLERANCE * largest(expected), ROUNDING);
    const got = key === "sample" ? gradient(key) : kept(gradient(key));
    expect(distance(got, expected), key).toBeLessThan(limit);
  }
};

it.each(whole)("%s has diffusers' names, output and gradients", async (name) => {
  const fixture = await read(name);
  const net = unet2d(unet2dSchema.parse(fixture.config), new Generator(0));
  loadState(net, fixture.weights);
  await expectFixture(net, fixture, (all) => all);
});

/** The elements that a thin fixture keeps of a tensor: at most 24, at even distances. */
const thinned = ({ data, size }: NDArray): NDArray => {
  const kept = Float32Array.from(data).filter((_, i) => i % Math.ceil(size / 24) === 0);
  return new NDArray(kept, [kept.length]);
};

/** Moves weights as the fixtures' script does, by draws that follow those of the network in torch's order. */
const randomise = (net: UNet2D, names: readonly string[], random: Generator): void => {
  const named = leaves(net);
  for (const name of names) {
    const leaf = named.get(name) as Parameter;
    const moved = (by: number) => leaf.value.add(random.normal(leaf.shape).mul(by));
    if (name.endsWith("bias")) leaf.value = moved(0.1);
    else if (name.includes("norm")) leaf.value = moved(0.2);
    else if (/to_q|to_k/.test(name)) leaf.value = leaf.value.mul(3);
  }
};

it.each(thin)("%s has diffusers' names, weights of its seed, output and gradients", async (name) => {
  const fixture = await read(name);
  const random = new Generator(fixture.seed);
  const net = unet2d(unet2dSchema.parse(fixture.config), random);
  randomise(net, Object.keys(fixture.shapes), random);
  const state = stateOf(net);
  expect(Object.fromEntries([...state].map(([key, { shape }]) => [key, shape]))).toEqual(fixture.shapes);
  for (const [key, expected] of fixture.weights) {
    const limit = DRAW_ROUNDING * Math.max(1, largest(expected));
    expect(distance(thinned(state.get(key) as NDArray), expected), key).toBeLessThan(limit);
  }
  await expectFixture(net, fixture, thinned);
});

/** What the fixtures' script leaves as the seed made it: it moves biases and norms, and scales queries and keys. */
const isUntouched = (key: string): boolean => !/bias$|norm|to_q|to_k/.test(key);

it.each(whole)("%s starts as diffusers' of its seed", async (name) => {
  const { config, seed, weights } = await read(name);
  const started = stateOf(unet2d(unet2dSchema.parse(config), new Generator(seed)));
  const untouched = [...weights.keys()].filter(isUntouched);
  expect(untouched.length).toBeGreaterThan(weights.size / 4);
  for (const key of untouched) {
    const [got, expected] = [started.get(key) as NDArray, weights.get(key) as NDArray];
    expect(distance(got, expected), key).toBeLessThan(DRAW_ROUNDING * Math.max(1, largest(expected)));
  }
});

describe("dropout in a U-Net", () => {
  const build = (dropout: number) => {
    const config = unet2dSchema.parse({
      block_out_channels: [4, 8],
      down_block_types: ["DownBlock2D", "DownBlock2D"],
      up_block_types: ["UpBlock2D", "UpBlock2D"],
      layers_per_block: 1,
      norm_num_groups: 2,
      attention_head_dim: 8,
      dropout,
    });
    const net = unet2d(config, new Generator(0));
    const masks = new DropoutMasks();
    const named = new Map<string, Tensor<"input">>(leaves(net));
    const graph = trace(
      { x: { shape: [2, 3, 4, 4] }, t: { shape: [2] } },
      ({ x, t }) => {
        const evaluated = net.forward(x as Tensor, t as Tensor);
        const trained = net.forward(x as Tensor, t as Tensor, { masks });
        for (const [name, leaf] of masks.inputs) named.set(name, leaf);
        return { evaluated, trained };
      },
      named,
    );
    return { masks, graph, weights: stateOf(net) };
  };

  it("has one mask for each residual block, of its features' shape", () => {
    const shapes = [...build(0.5).masks.inputs.values()].map(({ shape }) => shape.slice(1).join("×"));
    const [down, mid, up] = [
      ["4×4×4", "8×2×2"],
      Array(2).fill("8×2×2"),
      ["8×2×2", "8×2×2", "4×4×4", "4×4×4"],
    ];
    expect(shapes).toEqual([...down, ...mid, ...up]);
  });

  it("changes what masks say, and nothing where they keep everything", async () => {
    const { masks, graph, weights } = build(0.5);
    const run = await compile(graph, { worker: false, weights });
    const feeds = { x: new Generator(1).normal([2, 3, 4, 4]), t: NDArray.of([3, 700]) };
    const ones = [...masks.inputs].map(([name, { shape }]) => [name, NDArray.full(shape, 1)] as const);
    const kept = await run({ ...feeds, ...Object.fromEntries(ones) });
    expect(kept.trained).toEqual(kept.evaluated);
    const drawn = await run({ ...feeds, ...masks.draw(new Generator(2)) });
    await run.close();
    expect(drawn.evaluated).toEqual(kept.evaluated);
    expect(drawn.trained).not.toEqual(kept.evaluated);
  });

  it("has no masks at probability 0", () => {
    expect(build(0).masks.inputs.size).toBe(0);
  });
});

describe("a U-Net refuses", () => {
  const config = unet2dSchema.parse({
    block_out_channels: [4, 4],
    down_block_types: ["DownBlock2D", "DownBlock2D"],
    up_block_types: ["UpBlock2D", "UpBlock2D"],
    norm_num_groups: 2,
    attention_head_dim: 4,
    num_class_embeds: 3,
  });
  const net = unet2d(config, new Generator(0));
  const forward = (shape: readonly number[], labelled: boolean) => () =>
    net.forward(input(shape), input([1]), labelled ? { classLabels: input([1], "int32") } : {});

  it("sizes that do not halve and channels it was not made for", () => {
    expect(forward([1, 3, 6, 7], true)).toThrow(/divisible by 2, got \[1, 3, 6, 7\]/);
    expect(forward([1, 1, 8, 8], true)).toThrow(/\[n, 3, h, w\]/);
  });

  it("to go without the class labels it embeds", () => {
    expect(forward([1, 3, 8, 8], false)).toThrow(/class labels/);
  });

  it("labels that are not a whole number for each image", () => {
    const labelled = (labels: Tensor) => () =>
      net.forward(input([2, 3, 8, 8]), input([2]), { classLabels: labels });
    expect(labelled(input([2]))).toThrow("unet2d: expected class labels int32[2], got float32[2]");
    expect(labelled(input([1], "int32"))).toThrow(/got int32\[1\]/);
  });
});

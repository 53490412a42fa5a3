import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { Generator, type NDArray } from "../../src/base/index.ts";
import { readSafetensors } from "../../src/formats/index.ts";
import { unet2d, unet2dSchema } from "../../src/models/index.ts";
import { buffers, loadState, parameters } from "../../src/nn/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { gradients, type Named, type Tensor, trace } from "../../src/tensor/index.ts";

/** Of the largest value: what the project promises against the reference implementation in float32. */
const OUTPUT_TOLERANCE = 1e-4;
const GRADIENT_TOLERANCE = 1e-3;
/** Gradients that are zero in exact arithmetic (`to_k.bias`) are rounding noise below this. */
const ROUNDING = 1e-7;

const read = async (name: string) => {
  const url = (ending: string) => new URL(`../fixtures/unet2d/${name}.${ending}`, import.meta.url);
  const { config } = JSON.parse(await readFile(url("json"), "utf8"));
  const { tensors } = readSafetensors(await readFile(url("safetensors")), name);
  const starting = (prefix: string) =>
    new Map(
      [...tensors].flatMap(([key, value]) =>
        key.startsWith(prefix) ? [[key.slice(prefix.length), value] as const] : [],
      ),
    );
  return {
    config,
    weights: starting("weight."),
    inputs: Object.fromEntries(starting("input.")),
    gradients: starting("gradient."),
    output: tensors.get("output") as NDArray,
  };
};

const largest = ({ data }: NDArray): number => data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
const distance = (a: NDArray, b: NDArray): number => {
  expect(a.shape).toEqual(b.shape);
  return largest(a.sub(b));
};

describe.each(["down", "scale-shift", "fourier", "digits"])("the U-Net of fixture %s", (name) => {
  it("has diffusers' names, output and gradients", async () => {
    const fixture = await read(name);
    const net = unet2d(unet2dSchema.parse(fixture.config), new Generator(0));
    loadState(net, fixture.weights);
    const trained = parameters(net);
    const graph = trace(
      fixture.inputs,
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
      new Map([...trained, ...buffers(net)]),
    );
    const run = await compile(graph, { worker: false, weights: fixture.weights });
    const results = await run(fixture.inputs);
    await run.close();
    expect(distance(results.output as NDArray, fixture.output)).toBeLessThan(
      OUTPUT_TOLERANCE * largest(fixture.output),
    );
    expect([...trained.keys(), "sample"].sort()).toEqual([...fixture.gradients.keys()].sort());
    for (const [key, expected] of fixture.gradients) {
      const limit = Math.max(GRADIENT_TOLERANCE * largest(expected), ROUNDING);
      expect(distance(results[`gradient.${key}`] as NDArray, expected), key).toBeLessThan(limit);
    }
  });
});

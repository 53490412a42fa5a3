import { describe, expect, it } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { DropoutMasks } from "../../src/nn/index.ts";
import type { Tensor } from "../../src/tensor/index.ts";
import { evaluate } from "./fixture.ts";

describe("DropoutMasks", () => {
  it("drop a fraction and scale the rest, so that the mean stays", () => {
    const masks = new DropoutMasks();
    const ones = { shape: [100, 100], mul: (mask: Tensor) => mask } as unknown as Tensor;
    masks.apply(ones, 0.25);
    const { "dropout.0": mask } = masks.draw(new Generator(0));
    const values = [...(mask as NDArray).data];
    const dropped = values.filter((value) => value === 0).length / values.length;
    expect(Math.abs(dropped - 0.25)).toBeLessThan(4 * Math.sqrt((0.25 * 0.75) / 10_000)); // four standard errors
    expect(new Set(values)).toEqual(new Set([0, Math.fround(4 / 3)]));
  });

  it("are inputs of the graph", async () => {
    const masks = new DropoutMasks();
    const leaves = new Map<string, Tensor<"input">>();
    const draws = masks.draw.bind(masks);
    const x = NDArray.full([4, 4], 2);
    const y = await evaluate(
      { x },
      (feeds) => {
        const out = masks.apply(feeds.x as Tensor, 0.5);
        for (const [name, leaf] of masks.inputs) leaves.set(name, leaf);
        return out;
      },
      leaves,
      new Map([["dropout.0", NDArray.full([4, 4], 3)]]),
    );
    expect([...y.data]).toEqual(Array(16).fill(6));
    expect(Object.keys(draws(new Generator(0)))).toEqual(["dropout.0"]);
  });

  it("leave x alone at probability 0", () => {
    const masks = new DropoutMasks();
    const x = { shape: [1] } as unknown as Tensor;
    expect(masks.apply(x, 0)).toBe(x);
    expect(masks.inputs.size).toBe(0);
  });
});

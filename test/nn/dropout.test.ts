import { describe, expect, it } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { DropoutMasks } from "../../src/nn/index.ts";
import { input, type Tensor } from "../../src/tensor/index.ts";
import { evaluate } from "./fixture.ts";

describe("DropoutMasks", () => {
  it("drop a fraction and scale the rest, so that the mean stays", () => {
    const masks = new DropoutMasks();
    masks.apply(input([100, 100]), 0.25);
    const { "dropout.0": mask } = masks.draw(new Generator(0));
    const values = [...(mask as NDArray).data];
    const dropped = values.filter((value) => value === 0).length / values.length;
    expect(Math.abs(dropped - 0.25)).toBeLessThan(4 * Math.sqrt((0.25 * 0.75) / 10_000)); // four standard errors
    expect(new Set(values)).toEqual(new Set([0, Math.fround(4 / 3)]));
  });

  it("are inputs of the graph", async () => {
    const masks = new DropoutMasks();
    const leaves = new Map<string, Tensor<"input">>();
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
  });

  it("are drawn under the names of the inputs, the same from the same stream", () => {
    const masks = new DropoutMasks();
    for (const shape of [[2, 3], [5]]) masks.apply(input(shape), 0.5);
    const drawn = masks.draw(new Generator(0));
    const shapes = (named: Iterable<readonly [string, { readonly shape: readonly number[] }]>) =>
      [...named].map(([name, { shape }]) => [name, shape]);
    expect(shapes(Object.entries(drawn))).toEqual(shapes(masks.inputs));
    expect(masks.draw(new Generator(0))).toEqual(drawn);
  });

  it("leave x alone at probability 0", () => {
    const masks = new DropoutMasks();
    const x = input([1]);
    expect(masks.apply(x, 0)).toBe(x);
    expect(masks.inputs.size).toBe(0);
  });
});

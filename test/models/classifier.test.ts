import { describe, expect, test } from "vitest";
import { Generator, type NDArray } from "../../src/base/index.ts";
import { classifier, classifierSchema } from "../../src/models/index.ts";
import { leaves, parameters, stateOf } from "../../src/nn/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { input, trace } from "../../src/tensor/index.ts";

const config = classifierSchema.parse({ image: [1, 9, 7], classes: 3, widths: [4, 8], groups: 2 });
const net = classifier(config, new Generator(1));

const run = async (images: NDArray) => {
  const graph = trace({ images }, ({ images }) => ({ ...net.forward(images) }), leaves(net));
  const compiled = await compile(graph, { worker: false, weights: stateOf(net) });
  const found = await compiled({ images });
  await compiled.close();
  return found as { readonly features: NDArray; readonly logits: NDArray };
};

/** Matrix products of another batch round differently. */
const ROUNDING = 1e-5;

describe("a classifier", () => {
  test("gives features of its last width and a logit a class, of images of odd sides too", async () => {
    const { features, logits } = await run(new Generator(2).normal([5, 1, 9, 7]));
    expect(features.shape).toEqual([5, 8]);
    expect(logits.shape).toEqual([5, 3]);
    expect(features.isFinite() && logits.isFinite()).toBe(true);
  });

  test("an image's features do not depend on those beside it", async () => {
    const images = new Generator(3).normal([4, 1, 9, 7]);
    const [all, alone] = [await run(images), await run(images.rows(2, 3))];
    const apart = alone.features.sub(all.features.rows(2, 3)).abs();
    expect(Math.max(...apart.data)).toBeLessThan(ROUNDING);
  });

  test("has a block a level, and a convolution beside where channels or sizes change", () => {
    const names = [...parameters(net).keys()];
    expect(names.filter((name) => name.endsWith("conv1.weight"))).toEqual([
      "blocks.0.conv1.weight",
      "blocks.1.conv1.weight",
    ]);
    expect(names.filter((name) => name.includes("shortcut.weight"))).toEqual(["blocks.1.shortcut.weight"]);
  });

  test("refuses images of another size", () => {
    expect(() => net.forward(input([2, 1, 9, 9]))).toThrow(
      "classifier: expected images [n, 1, 9, 7], got [2, 1, 9, 9]",
    );
  });
});

import { describe, expect, test } from "vitest";
import { classifierTrainingSchema, networkOf, trainClassifier } from "../../src/evaluation/index.ts";
import { stateOf } from "../../src/nn/index.ts";
import { patterns, TINY } from "./patterns.ts";

const dataset = patterns(60);
const training = classifierTrainingSchema.parse({ steps: 60, batch: 16, network: TINY, seed: 3 });
const options = { training, threads: 1, backend: "onnx" } as const;

describe("trainClassifier", () => {
  test("learns to tell dark from bright, also among images that it never saw", async () => {
    const losses: number[] = [];
    const { net, heldOut } = await trainClassifier(dataset, {
      ...options,
      onStep: (step, loss) => {
        losses[step - 1] = loss;
      },
    });
    expect(losses).toHaveLength(60);
    expect(heldOut.images.shape[0]).toBe(6);
    const network = networkOf(net, { name: "patterns", fingerprint: "", classes: dataset.classes ?? [] });
    const { read } = await network.extract(heldOut.images);
    await network.close();
    expect([...(read ?? [])]).toEqual([...(heldOut.labels?.data ?? [])]);
  });

  test("gives the same weights for the same seed, and others for another", async () => {
    const short = { ...options, training: { ...training, steps: 3 } };
    const weights = async (seed: number) => {
      const { net } = await trainClassifier(dataset, { ...short, training: { ...short.training, seed } });
      return stateOf(net);
    };
    const [first, again, other] = [await weights(3), await weights(3), await weights(4)];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  test.each([
    ["no classes", { labels: null, classes: null }, "got images without classes"],
    ["one class", { classes: ["all"] }, "got 1 class"],
  ])("refuses images with %s", async (_, changed, message) => {
    await expect(trainClassifier({ ...dataset, ...changed }, options)).rejects.toThrow(message);
  });

  test("says at which step its loss ceased to be a number", async () => {
    const wild = { ...training, learningRate: { peak: 1e38, warmup: 0, decay: "constant" as const } };
    await expect(trainClassifier(dataset, { ...options, training: wild })).rejects.toThrow(
      /classifier, step \d+: expected a finite loss and gradient/,
    );
  });

  test("ends when it is told to", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(trainClassifier(dataset, { ...options, signal })).rejects.toThrow("enough");
  });
});

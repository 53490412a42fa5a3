import { afterAll, describe, expect, test } from "vitest";
import { Generator, Streams } from "../../src/base/index.ts";
import { compareSamples, evaluate, featureReference, networkOf } from "../../src/evaluation/index.ts";
import { classifier } from "../../src/models/index.ts";
import { patterns, TINY } from "./patterns.ts";

const [training, heldOut] = [patterns(40), patterns(12, { seed: 2 })];
const classes = ["dark", "bright"];
const network = networkOf(classifier({ ...TINY, image: [1, 8, 8], classes: 2 }, new Generator(1)), {
  name: "tiny",
  fingerprint: "f",
  classes,
});

afterAll(() => network.close());

describe("features of a reference", () => {
  test("taken once, judge several sets of samples as evaluate judges each", async () => {
    const reference = await featureReference({ training, heldOut }, network);
    for (const seed of [3, 4]) {
      const samples = patterns(20, { seed }).images;
      const labels = Array.from({ length: 20 }, (_, i) => i % 2);
      const input = { samples, labels, training, heldOut, network, seed };
      const { figures, readByClass } = await compareSamples(input, reference, { streams: new Streams(0) });
      const whole = await evaluate(input);
      for (const { name, value } of Object.values(figures))
        expect(whole.figures.find((each) => each.name === name)?.value).toBe(value);
      expect(readByClass).toEqual(whole.readByClass);
    }
  });

  test("are of all its images, those learned from first", async () => {
    const reference = await featureReference({ training, heldOut }, network);
    expect(reference.features.shape[0]).toBe(52);
    expect(reference.training).toEqual(reference.features.rows(0, 40));
    expect(reference.heldOut).toEqual(reference.features.rows(40, 52));
    expect(reference.labels).toHaveLength(52);
  });
});

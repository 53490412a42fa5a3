import { expect, test } from "vitest";
import { Generator, imageGenerators, Streams } from "../../src/base/index.ts";

const draw = (generator: Generator): number[] => [...generator.normal([5]).data];

test("a stream goes on where it was", () => {
  const streams = new Streams(1);
  expect(streams.get("noise")).toBe(streams.get("noise"));
});

test("the same seed and name give the same draws", () => {
  expect(draw(new Streams(1).get("noise"))).toEqual(draw(new Streams(1).get("noise")));
});

test("names and seeds are told apart", () => {
  const firsts = [0, 1, 11].flatMap((seed) =>
    ["noise", "dropout", "1noise", ""].map((name) => draw(new Streams(seed).get(name)).join()),
  );
  expect(new Set(firsts).size).toBe(firsts.length);
});

test("draws of one stream do not shift another", () => {
  const [quiet, busy] = [new Streams(7), new Streams(7)];
  busy.get("dropout").uniform([1000]);
  expect(draw(busy.get("noise"))).toEqual(draw(quiet.get("noise")));
});

test("restored streams continue exactly, a cached normal and an untouched stream included", () => {
  const streams = new Streams(7);
  streams.get("noise").normal([3]);
  streams.get("data order").permutation(10);
  const state = JSON.parse(JSON.stringify(streams.state));
  expect(state.noise.cachedNormal).not.toBeNull();
  const restored = Streams.restore(7, state);
  for (const name of ["noise", "data order", "never drawn"])
    expect(draw(restored.get(name))).toEqual(draw(streams.get(name)));
});

test("image k has the generator of seed + k", () => {
  const [first, second] = imageGenerators(40, 2) as [Generator, Generator];
  expect(draw(first)).toEqual(draw(new Generator(40)));
  expect(draw(second)).toEqual(draw(new Generator(41)));
});

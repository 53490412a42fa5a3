import { expect, it } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { augmentations, diffusionProcess, type Schedule } from "../../src/diffusion/index.ts";

const process = diffusionProcess({
  beta_schedule: "linear",
  num_train_timesteps: 101,
  beta_start: 1e-4,
  beta_end: 0.02,
} as Schedule);
const random = new Generator(0);
const images = random.normal([3, 1, 4, 6]);
const eps = random.normal(images.shape);
const about = { process, noise: () => eps };

it("augmentation by noise is q(x_t | x_0) at that share of the process's time, and nothing at 0", () => {
  const noised = augmentations.noise(images, [0, 0.5, 1], about);
  expect(noised.row(0)).toEqual(images.row(0));
  for (const [k, t] of [
    [1, 50],
    [2, 100],
  ] as const) {
    const { alpha, sigma } = process.level(t);
    const expected = NDArray.combine([alpha, images.row(k)], [sigma, eps.row(k)]);
    expect(
      noised
        .row(k)
        .sub(expected)
        .abs()
        .data.every((each) => each < 1e-6),
    ).toBe(true);
  }
});

it("augmentation by blur spreads a pixel as a Gaussian of that deviation, and nothing at 0", () => {
  const side = 15;
  const spot = NDArray.zeros([2, 1, side, side]);
  for (const k of [0, 1]) spot.data[k * side ** 2 + 7 * side + 7] = 1;
  const blurred = augmentations.blur(spot, [0, 1.2]);
  expect(blurred.row(0)).toEqual(spot.row(0));
  const weights = [...blurred.row(1).data];
  const moment = (of: (y: number, x: number) => number) =>
    weights.reduce((sum, w, i) => sum + w * of(Math.floor(i / side) - 7, (i % side) - 7), 0);
  expect(moment(() => 1)).toBeCloseTo(1, 6);
  expect(moment((y) => y)).toBeCloseTo(0, 6);
  // A Gaussian cut off at 3.3 deviations and sampled at whole pixels keeps its variance to a hundredth.
  expect(moment((y) => y * y) / 1.44).toBeCloseTo(1, 1);
  expect(moment((_, x) => x * x)).toBeCloseTo(
    moment((y) => y * y),
    6,
  );
});

it("blur leaves a flat image flat up to its edges", () => {
  const flat = NDArray.full([1, 2, 5, 3], 0.25);
  expect(
    augmentations
      .blur(flat, [2])
      .sub(flat)
      .abs()
      .data.every((each) => each < 1e-6),
  ).toBe(true);
});

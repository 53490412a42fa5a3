import { expect, test } from "vitest";
import { Generator } from "../../src/base/index.ts";
import {
  drawTimesteps,
  emptyHistory,
  type LossHistory,
  remember,
  timestepProbabilities,
} from "../../src/diffusion/index.ts";

const T = 4;
/** A history in which timestep t always lost t + 1. */
const known = (): LossHistory => {
  let history = emptyHistory(T);
  for (let i = 0; i < 12; i++)
    history = remember(
      history,
      Array.from({ length: T }, (_, t) => ({ t, loss: t + 1 })),
    );
  return history;
};

test("timesteps are uniform until each has been seen ten times", () => {
  let history = emptyHistory(T);
  for (let i = 0; i < 9; i++)
    history = remember(
      history,
      [0, 1, 2, 3].map((t) => ({ t, loss: 9 * t + 1 })),
    );
  expect(timestepProbabilities(history)).toEqual([0.25, 0.25, 0.25, 0.25]);
  expect(drawTimesteps(history, 8, new Generator(0)).every(({ weight }) => weight === 1)).toBe(true);
});

test("then they are as likely as their losses are large, and none is forgotten", () => {
  const probabilities = timestepProbabilities(known());
  expect(probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 12);
  for (const [t, p] of probabilities.entries()) expect(p).toBeCloseTo((0.999 * (t + 1)) / 10 + 0.001 / T, 12);
});

test("weights undo the choice: the mean of any loss is that over uniform timesteps", () => {
  const n = 20_000;
  const draws = drawTimesteps(known(), n, new Generator(1));
  const loss = (t: number) => [3, 1, 4, 1.5][t] as number;
  const each = draws.map(({ t, weight }) => weight * loss(t));
  const mean = each.reduce((sum, value) => sum + value, 0) / n;
  const error = Math.sqrt(each.reduce((sum, value) => sum + (value - mean) ** 2, 0)) / n;
  expect(Math.abs(mean - (3 + 1 + 4 + 1.5) / 4)).toBeLessThan(4 * error);
});

test("ten losses are remembered, the last ones", () => {
  let history = emptyHistory(1);
  for (let loss = 0; loss < 15; loss++) history = remember(history, [{ t: 0, loss }]);
  expect(history.losses[0]).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
});

import { qSample } from "../../src/diffusion/index.ts";
import type { Level } from "../../src/diffusion/process.ts";
import type { LossParts, Objective } from "../../src/systems/denoising-objective.ts";
import { input, type Tensor } from "../../src/tensor/index.ts";
import { type Doubles, doubles, interpret } from "../tensor/reference.ts";

/** Numbers [n, c, h, w] as they come, and the shape. */
export interface Said {
  readonly shape: readonly number[];
  readonly x0: readonly number[];
  readonly eps: readonly number[];
  /** What the network says; of twice the channels where it speaks of the variance. */
  readonly output: readonly number[];
  readonly outputShape?: readonly number[];
}

/** An objective at a level as traced tensors, and the numbers behind them. */
export const tracedLoss = (objective: Objective, level: Level, said: Said) => {
  const values = new Map<Tensor, Doubles>();
  const leaf = (numbers: readonly number[], shape: readonly number[]): Tensor => {
    const tensor = input(shape);
    values.set(tensor, doubles(shape, numbers));
    return tensor;
  };
  const n = said.shape[0] as number;
  const each = (value: number) => leaf(Array<number>(n).fill(value), [n, 1, 1, 1]);
  const [x0, eps] = [leaf(said.x0, said.shape), leaf(said.eps, said.shape)];
  const [alpha, sigma] = [each(level.alpha), each(level.sigma)];
  const output = leaf(said.output, said.outputShape ?? said.shape);
  const parts: LossParts = { x0, eps, x: qSample(x0, eps, { alpha, sigma }), alpha, sigma, output };
  const coefficients = Object.fromEntries(
    Object.entries(objective.coefficients).map(([name, of]) => [name, each(of(level))]),
  );
  return { losses: objective.loss(parts, coefficients), output, values };
};

/** The losses of an objective in float64, one a sample. */
export const lossesOf = (objective: Objective, level: Level, said: Said): number[] => {
  const { losses, values } = tracedLoss(objective, level, said);
  return [...(interpret([losses], values)[0] as Doubles).data];
};

import { describe, expect, it } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { bernoulliKl, binomialProcess, bitPosterior, bitRate } from "../../src/diffusion/index.ts";

/** A few roundings of float32. */
const SINGLE = 1e-6;

const array = (...values: number[]) => NDArray.of(values);

type Table = readonly [readonly [number, number], readonly [number, number]];

/** P(x_t = b | x_{t−1} = a) at [a][b]: kept, or drawn anew. */
const transition = (beta: number, rate: number): Table => [
  [1 - beta + beta * (1 - rate), beta * rate],
  [beta * (1 - rate), 1 - beta + beta * rate],
];
const times = (p: Table, q: Table): Table =>
  [0, 1].map((a) =>
    [0, 1].map((b) => [0, 1].reduce((sum, c) => sum + (p[a]?.[c] ?? 0) * (q[c]?.[b] ?? 0), 0)),
  ) as unknown as Table;
const identity: Table = [
  [1, 0],
  [0, 1],
];
/** Steps first … last of T with β = 1 / (T − t), one after the other. */
const walked = (T: number, rate: number, first: number, last: number): Table =>
  Array.from({ length: last - first + 1 }, (_, k) => transition(1 / (T - first - k), rate)).reduce(
    times,
    identity,
  );

describe.each([
  [10, 0.5],
  [10, 0.2],
  [7, 0.9],
])("binomial diffusion of %i steps with a rate of %f", (steps, rate) => {
  const process = binomialProcess({ steps, rate });
  const cases = Array.from({ length: steps }, (_, t) => t);

  it.each(cases)("is at timestep %i where its steps lead", (t) => {
    const walk = walked(steps, rate, 0, t);
    const p = bitRate(array(0, 1), process.level(t).kept, rate);
    expect(Math.abs((p.data[0] as number) - walk[0][1])).toBeLessThan(SINGLE);
    expect(Math.abs((p.data[1] as number) - walk[1][1])).toBeLessThan(SINGLE);
  });

  it.each(cases.slice(1))("has at timestep %i the posterior of Bayes' rule over those steps", (t) => {
    const [before, step] = [walked(steps, rate, 0, t - 1), walked(steps, rate, t, t)];
    const [{ kept }, { kept: after }] = [process.level(t - 1), process.level(t)];
    const said = bitPosterior(
      { x: array(0, 0, 1, 1), x0: array(0, 1, 0, 1) },
      { kept: array(kept), keep: array(after / kept) },
      rate,
    );
    for (const [i, [x, x0]] of (
      [
        [0, 0],
        [0, 1],
        [1, 0],
        [1, 1],
      ] as const
    ).entries()) {
      const joint = [0, 1].map((s) => (before[x0]?.[s] as number) * (step[s]?.[x] as number));
      const want = (joint[1] as number) / ((joint[0] as number) + (joint[1] as number));
      expect(Math.abs((said.data[i] as number) - want)).toBeLessThan(SINGLE);
    }
  });

  it("forgets the data evenly, and wholly at the last step", () => {
    expect(cases.map((t) => process.level(t).kept * steps)).toEqual(
      cases.map((t) => expect.closeTo(steps - 1 - t, 9)),
    );
    expect(process.level(-1).kept).toBe(1);
    expect(process.level(steps - 1).kept).toBe(0);
  });
});

it("a step to data has the data as its posterior, whatever is seen", () => {
  const x0 = array(0, 1, 0, 1);
  const said = bitPosterior({ x: array(0, 0, 1, 1), x0 }, { kept: array(1), keep: array(0.9) }, 0.5);
  expect(said.data).toEqual(x0.data);
});

describe("the divergence of two bits", () => {
  const direct = (q: number, logit: number): number => {
    const p = 1 / (1 + Math.exp(-logit));
    const term = (a: number, b: number) => (a === 0 ? 0 : a * Math.log(a / b));
    return term(q, p) + term(1 - q, 1 - p);
  };

  it.each([
    [0.3, 0.5],
    [0, 2],
    [1, -3],
    [0.5, 0],
    [0.999, 7],
    [0.001, -7],
    [0.25, -20],
  ])("is that of the definition: q = %f, log odds %f", (q, logit) => {
    const got = bernoulliKl(array(q), array(logit)).item();
    expect(Math.abs(got - direct(q, logit))).toBeLessThan(SINGLE * Math.max(1, Math.abs(logit)));
  });

  it("is 0 for one distribution, and finite for the surest wrong one", () => {
    expect(Math.abs(bernoulliKl(array(0.3), array(Math.log(0.3 / 0.7))).item())).toBeLessThan(SINGLE);
    expect(bernoulliKl(array(1), array(-1000)).item()).toBe(1000);
    expect(bernoulliKl(array(0), array(1000)).item()).toBe(1000);
  });
});

it.each([
  [{ steps: 0 }, "steps: expected a whole number of 1 or more, got 0"],
  [{ steps: 2.5 }, "steps: expected a whole number of 1 or more, got 2.5"],
  [{ steps: 4, rate: 0 }, "rate: expected above 0 and below 1, got 0"],
  [{ steps: 4, rate: 1 }, "rate: expected above 0 and below 1, got 1"],
])("there is no process of %j", (options, message) => {
  expect(() => binomialProcess(options)).toThrow(message);
});

it.each([-2, 0.5, 4])("a process of four steps has no timestep %f", (t) => {
  expect(() => binomialProcess({ steps: 4 }).level(t)).toThrow("timestep: expected from 0 to 3");
});

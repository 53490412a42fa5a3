import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { noiseProcesses } from "../../src/diffusion/index.ts";
import { type FlowState, straightness } from "../../src/evaluation/index.ts";
import { eightGaussiansRectifiedFlow } from "../../src/recipes/index.ts";
import { pathOf } from "../../src/samplers/index.ts";
import { openTrained, type Trained } from "../../src/systems/index.ts";
import { measurePoints, PATIENCE, show, THRESHOLD, trainPoints } from "../../tools/measure/points.ts";

let second: Trained;
let first: Trained;
beforeAll(async () => {
  second = await trainPoints(eightGaussiansRectifiedFlow);
  const run = dirname(dirname(dirname(second.checkpoint.path)));
  first = await openTrained(join(run, "flow"), { threads: 1 });
}, PATIENCE);
afterAll(async () => {
  await first.close();
  await second.close();
});

const stages = { flow: () => first, reflow: () => second } as const;

it.each(["flow", "reflow"] as const)(
  "%s: points by Euler's rule are as far from held-out ones as these from each other, or little more",
  async (name) => {
    const { model, noise } = await measurePoints(stages[name]());
    show(`rectified-flow, ${name}, 50 steps`, { model, noise });
    expect(model).toBeLessThan(THRESHOLD);
    expect(noise).toBeGreaterThan(THRESHOLD);
  },
);

/** Of 500 paths of 50 steps. */
const straightnessOf = async (trained: Trained): Promise<number> => {
  const times = pathOf(noiseProcesses.rectified_flow(), { steps: 50 }, "ode").map(({ sigma }) => sigma);
  const states: FlowState[] = [];
  for await (const { x, index } of trained.sample({ seed: 50_000, count: 500 }))
    states.push({ time: times[index + 1] as number, x });
  return straightness(states);
};

it("paths of the second flow are at least twice as straight, and one step of it is better than one of the first", async () => {
  const [a, b] = [await straightnessOf(first), await straightnessOf(second)];
  show("rectified-flow, straightness", { flow: a, reflow: b });
  expect(b).toBeLessThan(a / 2);
  const oneStep = { sampler: { kind: "euler", steps: 1, clip: null } };
  const [one, other] = [await measurePoints(first, oneStep), await measurePoints(second, oneStep)];
  show("rectified-flow, one step", { flow: one.model, reflow: other.model });
  expect(other.model).toBeLessThan(one.model / 2);
});

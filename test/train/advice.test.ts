import { describe, expect, it } from "vitest";
import { Generator } from "../../src/base/index.ts";
import { Advisor } from "../../src/train/advice.ts";
import { trainingSchema } from "../../src/train/index.ts";

const STEPS = 3000;
const noise = [...new Generator(0).normal([STEPS]).data];
/** A noisy loss at each step, from 1 on, around a mean. */
const losses = (mean: (step: number) => number): number[] =>
  noise.map((eps, i) => mean(i + 1) * (1 + 0.2 * eps));

const training = (learningRate: object = { peak: 3e-3 }) =>
  trainingSchema.parse({ steps: STEPS, learningRate });

/** What is said of a run with these losses, by step. */
const adviceOn = (all: readonly number[], options = training()) => {
  const advisor = new Advisor(options, []);
  return all.flatMap((loss, i) => {
    const advice = advisor.see(i + 1, loss);
    return advice ? [{ step: i + 1, ...advice }] : [];
  });
};

const plateau = losses((step) => 0.1 + 0.9 * Math.exp(-step / 50));

describe("an advisor", () => {
  it("speaks of a plateau, not before a long stretch, and at most once in 500 steps", () => {
    const steps = adviceOn(plateau).map(({ step }) => step);
    expect(steps.length).toBeGreaterThanOrEqual(2);
    expect(steps[0]).toBeGreaterThanOrEqual(600);
    expect(steps.slice(1).every((step, i) => step - (steps[i] as number) >= 500)).toBe(true);
  });

  it("has nothing to say of a loss that falls, be it slowly", () => {
    expect(adviceOn(losses((step) => step ** -0.5))).toEqual([]);
  });

  it("says that a loss rises, and which learning rate to try", () => {
    const [first] = adviceOn(losses((step) => 0.1 + step / 3000));
    expect(first).toMatchObject({ step: 600, direction: "rising", over: 200 });
    expect(first?.hint).toMatch(/learningRate\.peak 0\.001 instead of 0\.003/);
  });

  it("advises by what the learning rate does", () => {
    const hints = (learningRate: object) => adviceOn(plateau, training(learningRate)).map(({ hint }) => hint);
    expect(hints({ peak: 1e-3 })[0]).toMatch(/decay "cosine"/);
    const decaying = hints({ peak: 1e-3, decay: "cosine" });
    expect(decaying[0]).toMatch(/still falls from 0\.000\d+ to 0 until step 3000/);
    expect(decaying.at(-1)).toMatch(/used up/);
  });

  it("says after a resume what it would have said, and leaves skipped steps out", () => {
    const whole = adviceOn(plateau);
    const [{ step: spoken }] = whole as [(typeof whole)[0]];
    const before = plateau.slice(0, spoken + 50).map((loss, i) => ({ step: i + 1, losses: { loss } }));
    const skipped = { step: spoken + 50, losses: { loss: Number.NaN }, skipped: true };
    const advice = { step: spoken, advice: whole[0] };
    const advisor = new Advisor(training(), [...before, skipped, advice]);
    const after = plateau.slice(spoken + 50).flatMap((loss, i) => {
      const said = advisor.see(spoken + 51 + i, loss);
      return said ? [{ step: spoken + 51 + i, ...said }] : [];
    });
    expect(after).toEqual(whole.slice(1));
  });
});

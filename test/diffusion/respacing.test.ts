import { expect, test } from "vitest";
import { diffusionProcess, posteriorVariance, respaced, scheduleSchema } from "../../src/diffusion/index.ts";

const process = diffusionProcess(scheduleSchema.parse({}));

test("a chain of every timestep is the chain itself", () => {
  const whole = respaced(
    process,
    Array.from({ length: 1000 }, (_, t) => t),
  );
  for (const t of [0, 1, 500, 999]) {
    expect(whole.betas[t]).toBeCloseTo(process.betas[t] as number, 12);
    expect(whole.level(t)).toEqual(process.level(t));
  }
});

test("a shorter one has the same levels, larger betas, and their posterior", () => {
  const short = respaced(process, [99, 499, 999]);
  expect(short.level(1)).toEqual(process.level(499));
  expect(short.level(-1)).toEqual(process.level(-1));
  let bar = 1;
  for (const [k, beta] of short.betas.entries()) {
    bar *= 1 - beta;
    expect(bar).toBeCloseTo(short.alphaBars[k] as number, 12);
  }
  const [from, to] = [short.level(2), short.level(1)];
  const [a, b, beta] = [short.alphaBars[2], short.alphaBars[1], short.betas[2]] as [number, number, number];
  expect(posteriorVariance(from, to)).toBeCloseTo(((1 - b) / (1 - a)) * beta, 12);
});

test.each([[[]], [[5, 3]], [[3, 3]], [[-1, 3]], [[3, 1000]]])("%j is refused", (timesteps) => {
  expect(() => respaced(process, timesteps)).toThrow("timesteps: expected numbers that rise from 0 to 999");
});

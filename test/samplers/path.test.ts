import { expect, test } from "vitest";
import { noiseProcesses } from "../../src/diffusion/index.ts";
import { openSampler, samplerSchema } from "../../src/samplers/index.ts";

test.each(["trailing", "leading", "linspace"])(
  "a solver to a tolerance walks from the noisiest time to the cleanest, whatever the spacing: %s",
  (spacing) => {
    const process = noiseProcesses.vp();
    const { levels } = openSampler(samplerSchema.parse({ kind: "rk45", spacing }), process);
    const [clean, noisy] = process.span.map((time) => process.level(time));
    expect(levels).toHaveLength(3);
    expect(levels[0]).toEqual(noisy);
    expect(levels[1]?.sigma).toBeCloseTo(clean?.sigma as number, 12);
    expect(levels[2]).toEqual({ alpha: 1, sigma: 0, t: -1 });
  },
);

test("Langevin's levels by even spacing are the geometric scales of the process", () => {
  const process = noiseProcesses.ve({ sigmaMin: 0.02, sigmaMax: 2 });
  const spec = samplerSchema.parse({ kind: "langevin", steps: 10, spacing: "linspace" });
  const sigmas = openSampler(spec, process)
    .levels.slice(0, 10)
    .map(({ sigma }) => sigma);
  expect(sigmas[0]).toBeCloseTo(2, 9);
  for (const [i, sigma] of sigmas.slice(1).entries())
    expect(sigma / (sigmas[i] as number)).toBeCloseTo(100 ** (-1 / 9), 4); // the cleanest time is 1e-5, not 0
});

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

test("Karras' spacing in continuous time is that of the paper, between the ends that were trained", () => {
  const process = noiseProcesses.edm();
  for (const kind of ["heun", "edm", "dpm_multistep"]) {
    const spec = samplerSchema.parse({ kind, steps: 18, sigmas: "karras" });
    const sigmas = openSampler(spec, process).levels.map(({ sigma }) => sigma);
    const [most, least] = [80 ** (1 / 7), 0.002 ** (1 / 7)];
    // Karras et al. 2022, eq. 5.
    for (let i = 0; i < 18; i++)
      expect((sigmas[i] as number) / (most + (i / 17) * (least - most)) ** 7).toBeCloseTo(1, 9);
    expect(sigmas[18]).toBe(0);
  }
});

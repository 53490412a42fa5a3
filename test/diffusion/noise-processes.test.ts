import { describe, expect, test } from "vitest";
import { type ContinuousProcess, lambdaOf, noiseProcesses } from "../../src/diffusion/index.ts";

const processes = Object.entries(noiseProcesses).map(
  ([name, open]) => [name, open() as ContinuousProcess] as const,
);

describe.each(processes)("the process %s", (name, process) => {
  const [clean, noisy] = process.span;
  const times = Array.from({ length: 9 }, (_, i) => clean + ((noisy - clean) * (i + 0.5)) / 9);

  test("has the time of a λ for the inverse of its levels", () => {
    for (const time of times) {
      expect(process.time(lambdaOf(process.level(time))) / time).toBeCloseTo(1, 8);
      const { alpha, sigma, t } = process.levelAt(lambdaOf(process.level(time)));
      expect(alpha).toBeCloseTo(process.alpha(time), 9);
      expect(sigma / process.sigma(time)).toBeCloseTo(1, 8);
      expect(t).toBeCloseTo(process.level(time).t, 5);
    }
  });

  test("loses signal all the way", () => {
    const lambdas = [clean, ...times, noisy].map((time) => lambdaOf(process.level(time)));
    for (const [i, lambda] of lambdas.entries())
      if (i > 0) expect(lambda).toBeLessThan(lambdas[i - 1] as number);
  });

  /** Central differences at a millionth of the span. */
  const h = (noisy - clean) * 1e-6;
  const slope = (f: (time: number) => number, time: number) => (f(time + h) - f(time - h)) / (2 * h);

  test("drifts as α does, and diffuses what σ² gains beyond that", () => {
    for (const time of times) {
      const drift = slope((t) => Math.log(process.alpha(t)), time);
      expect(Math.abs(process.drift(time) - drift)).toBeLessThan(1e-4 * (1 + Math.abs(drift)));
      const diffusion =
        slope((t) => process.sigma(t) ** 2, time) - 2 * process.drift(time) * process.sigma(time) ** 2;
      expect(Math.abs(process.diffusion(time) / diffusion - 1)).toBeLessThan(1e-4);
    }
  });

  test("has the marginals of its simulated chain: mean α, variance σ²", () => {
    const coarse = simulated(process, name, 5000);
    const fine = simulated(process, name, 10_000);
    for (const quantity of ["mean", "variance"] as const) {
      const want = fine.want[quantity];
      const [far, near] = [coarse[quantity] - want, fine[quantity] - want];
      if (Math.abs(near) > 1e-9) expect(far / near).toBeCloseTo(2, 1); // the error is of first order:
      expect(Math.abs(2 * near - far)).toBeLessThan(1e-3 * want); // none is left when that is taken off
    }
  });

  test("has the marginals of its differential equation", () => {
    // Of dx = f x dt + g dw the mean and the variance have an equation of their own, here solved by Heun's rule.
    const steps = 20_000;
    const start = name === "edm" ? clean : Math.max(clean, 1e-3);
    const end = name === "rectified_flow" ? 0.9 : noisy; // f is infinite at the end of the flow
    let [mean, variance] = [process.alpha(start), process.sigma(start) ** 2];
    const ratio = (end / start) ** (1 / steps);
    for (let i = 0; i < steps; i++) {
      const [t, next] = [start * ratio ** i, start * ratio ** (i + 1)];
      const dt = next - t;
      const slopes = (m: number, v: number, at: number) =>
        [process.drift(at) * m, 2 * process.drift(at) * v + process.diffusion(at)] as const;
      const [dm, dv] = slopes(mean, variance, t);
      const [em, ev] = slopes(mean + dt * dm, variance + dt * dv, next);
      mean += (dt * (dm + em)) / 2;
      variance += (dt * (dv + ev)) / 2;
    }
    expect(Math.abs(mean - process.alpha(end))).toBeLessThan(1e-5);
    expect(Math.abs(variance / process.sigma(end) ** 2 - 1)).toBeLessThan(1e-4);
  });

  test("refuses a time outside", () => {
    expect(() => process.level(-0.1)).toThrow("time: expected from 0");
    expect(() => process.level(noisy + 1)).toThrow(`time: expected from 0 to ${noisy}`);
  });
});

/** The moments of Euler–Maruyama's chain x' = x + f x Δt + g √Δt z from x = α, exactly: it is affine in x and z. */
const simulated = (process: ContinuousProcess, name: string, steps: number) => {
  const [clean, noisy] = process.span;
  const start = Math.max(clean, 1e-3);
  const end = name === "rectified_flow" ? 0.9 : noisy; // f is infinite at the end of the flow
  const ratio = (end / start) ** (1 / steps);
  let [mean, variance] = [process.alpha(start), process.sigma(start) ** 2];
  for (let i = 0; i < steps; i++) {
    const t = start * ratio ** i;
    const dt = t * (ratio - 1);
    const keep = 1 + process.drift(t) * dt;
    mean *= keep;
    variance = keep ** 2 * variance + process.diffusion(t) * dt;
  }
  return { mean, variance, want: { mean: process.alpha(end), variance: process.sigma(end) ** 2 } };
};

test("levels of noise beyond the span are told its end", () => {
  const process = noiseProcesses.edm({ sigmaMin: 0.01, sigmaMax: 10 });
  expect(process.levelAt(-Math.log(20)).sigma).toBeCloseTo(20, 12);
  expect(process.levelAt(-Math.log(20)).t).toBeCloseTo(Math.log(10) / 4, 12);
});

test("the kernels q(x_t | x_0) of score SDEs are the paper's at t = 0.5 (Song et al. 2021, eq. 29)", () => {
  // With β from 0.1 to 20, ∫β = 2.5375; with σ from 0.01 to 50, σ = 0.01 √5000. Figures by Python.
  const at = (name: "vp" | "sub_vp" | "ve") => noiseProcesses[name]().level(0.5);
  expect(at("vp").alpha).toBeCloseTo(Math.exp(-2.5375 / 2), 12);
  expect(at("vp").sigma).toBeCloseTo(0.9596542, 6);
  expect(at("sub_vp").alpha).toBeCloseTo(Math.exp(-2.5375 / 2), 12);
  expect(at("sub_vp").sigma).toBeCloseTo(0.9209362, 6);
  expect(at("ve")).toMatchObject({ alpha: 1, sigma: expect.closeTo(0.01 * Math.sqrt(5000), 12) });
});

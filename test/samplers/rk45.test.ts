import { expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import {
  CLEAN,
  type Denoiser,
  gaussianMixture,
  type NoiseProcess,
  noiseProcesses,
} from "../../src/diffusion/index.ts";
import { rk45, sample } from "../../src/samplers/index.ts";
import { chain, refuseNoise } from "./walks.ts";

const [m, s] = [0.3, 0.5];
const { denoiser } = gaussianMixture([{ weight: 1, mean: [m], deviation: s }]);

const processes: Readonly<Record<string, NoiseProcess>> = {
  ...Object.fromEntries(Object.entries(noiseProcesses).map(([name, open]) => [name, open()])),
  linear: chain,
};

/** Steps may err by 1e-7 each, states are float32. */
const EXACT = 1e-5;

test.each(Object.entries(processes))(
  "on Gaussian data it is the flow's closed form: %s",
  async (_, process) => {
    const [clean, noisy] = process.span.map((time) => process.level(time));
    if (!clean || !noisy) throw new Error("no span");
    const x = NDArray.of([-1, 0.5, 2], [3, 1]).mul(noisy.sigma);
    const sampler = rk45(process, { rtol: 1e-7, atol: 1e-7 });
    let end = x;
    let evaluations = 0;
    const counted: Denoiser = (...at) => {
      evaluations += 1;
      return denoiser(...at);
    };
    for await (const frame of sample({
      denoiser: counted,
      sampler,
      levels: [noisy, clean],
      x,
      noise: refuseNoise,
    }))
      end = frame.x;
    // The flow carries quantiles: (x − α m) / √(α² s² + σ²) stays.
    const spread = ({ alpha, sigma }: typeof clean) => Math.hypot(alpha * s, sigma);
    for (const [i, value] of x.data.entries()) {
      const want = clean.alpha * m + (spread(clean) * (value - noisy.alpha * m)) / spread(noisy);
      expect(Math.abs((end.data[i] as number) - want)).toBeLessThan(EXACT * Math.max(1, Math.abs(want)));
    }
    expect(evaluations % 6).toBe(1);
    expect(sampler.evaluations(1)).toBe(null);
  },
);

test("the step to data is one evaluation, and gives x0", async () => {
  const process = noiseProcesses.vp();
  const from = process.level(0.01);
  const x = NDArray.of([0.4], [1, 1]);
  const { x0 } = await denoiser(x, from);
  for await (const frame of sample({
    denoiser,
    sampler: rk45(process),
    levels: [from, CLEAN],
    x,
    noise: refuseNoise,
  }))
    expect(frame.x.item()).toBeCloseTo(x0.item(), 6);
});

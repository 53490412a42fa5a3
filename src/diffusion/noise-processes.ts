import { ArgumentError } from "../base/index.ts";
import type { Level, NoiseProcess } from "./process.ts";

/** A process in continuous time, as the stochastic differential equation dx = f(t) x dt + g(t) dw. */
export interface ContinuousProcess extends NoiseProcess {
  alpha(time: number): number;
  sigma(time: number): number;
  /** The time at which λ = ln(alpha / sigma): the inverse of both. */
  time(lambda: number): number;
  /** f = d ln(alpha) / dt. */
  drift(time: number): number;
  /** g² = d(sigma²) / dt − 2 f sigma². */
  diffusion(time: number): number;
}

interface Row extends Pick<ContinuousProcess, "alpha" | "sigma" | "time" | "drift" | "diffusion" | "span"> {
  /** What a network is told of a time. */
  readonly told: (time: number) => number;
}

interface LinearBetas {
  readonly betaMin?: number;
  readonly betaMax?: number;
}
interface PreservingOptions extends LinearBetas {
  /** The earliest time. */
  readonly clean?: number;
}

/** ∫β of β(t) = βmin + t (βmax − βmin), its inverse, and β. */
const linearBetas = ({ betaMin = 0.1, betaMax = 20 }: LinearBetas) => {
  const slope = betaMax - betaMin;
  return {
    beta: (t: number) => betaMin + t * slope,
    integral: (t: number) => t * betaMin + (t ** 2 * slope) / 2,
    inverse: (B: number) => (2 * B) / (betaMin + Math.sqrt(betaMin ** 2 + 2 * slope * B)),
  };
};

/** Variance preserving: the limit of DDPM's chain (Song et al. 2021, eq. 11 and 33). */
const variancePreserving = ({ clean = 1e-3, ...options }: PreservingOptions = {}): Row => {
  const { beta, integral, inverse } = linearBetas(options);
  return {
    span: [clean, 1],
    alpha: (t) => Math.exp(-integral(t) / 2),
    sigma: (t) => Math.sqrt(-Math.expm1(-integral(t))),
    time: (lambda) => inverse(Math.log1p(Math.exp(-2 * lambda))),
    drift: (t) => -beta(t) / 2,
    diffusion: beta,
    told: (t) => 999 * t,
  };
};

/** Sub-VP: the same mean, at every time less variance than VP (Song et al. 2021, eq. 13 and 29). */
const subVariancePreserving = (options: PreservingOptions = {}): Row => {
  const { beta, integral, inverse } = linearBetas(options);
  return {
    ...variancePreserving(options),
    sigma: (t) => -Math.expm1(-integral(t)),
    // alpha / (1 − alpha²) = e^λ, a quadratic equation for alpha.
    time: (lambda) => inverse(-2 * Math.log(2 / (Math.exp(-lambda) + Math.sqrt(Math.exp(-2 * lambda) + 4)))),
    diffusion: (t) => -beta(t) * Math.expm1(-2 * integral(t)),
  };
};

/** Variance exploding: NCSN's geometric noise scales in the limit (Song et al. 2021, eq. 9 and 31). */
const varianceExploding = ({ sigmaMin = 0.01, sigmaMax = 50 } = {}): Row => {
  const growth = Math.log(sigmaMax / sigmaMin);
  const sigma = (t: number): number => sigmaMin * Math.exp(growth * t);
  return {
    span: [1e-5, 1],
    alpha: () => 1,
    sigma,
    time: (lambda) => (-lambda - Math.log(sigmaMin)) / growth,
    drift: () => 0,
    diffusion: (t) => 2 * growth * sigma(t) ** 2,
    told: (t) => Math.log(sigma(t)) / 4,
  };
};

/** EDM: the noise itself is the time (Karras et al. 2022, section 3 and table 1). */
const edm = ({ sigmaMin = 0.002, sigmaMax = 80 } = {}): Row => ({
  span: [sigmaMin, sigmaMax],
  alpha: () => 1,
  sigma: (t) => t,
  time: (lambda) => Math.exp(-lambda),
  drift: () => 0,
  diffusion: (t) => 2 * t,
  told: (t) => Math.log(t) / 4,
});

/** Rectified flow: a straight line from data to noise (Liu et al. 2023; Lipman et al. 2023, eq. 20). */
const rectifiedFlow = ({ clean = 1e-3 } = {}): Row => ({
  span: [clean, 1],
  alpha: (t) => 1 - t,
  sigma: (t) => t,
  time: (lambda) => 1 / (1 + Math.exp(lambda)),
  drift: (t) => -1 / (1 - t),
  diffusion: (t) => (2 * t) / (1 - t),
  told: (t) => 1000 * t,
});

const continuous =
  <O extends object>(rowOf: (options?: O) => Row) =>
  (options?: O): ContinuousProcess => {
    const { told, ...row } = rowOf(options);
    const [clean, noisy] = row.span;
    const within = (time: number): number => Math.min(Math.max(time, clean), noisy);
    const levelOf = (time: number): Level => ({
      alpha: row.alpha(time),
      sigma: row.sigma(time),
      t: told(within(time)),
    });
    return {
      ...row,
      level(time) {
        if (time >= 0 && time <= noisy) return levelOf(time);
        throw new ArgumentError({ who: "time", expected: `from 0 to ${noisy}`, got: String(time) });
      },
      levelAt: (lambda) => levelOf(row.time(lambda)),
    };
  };

/** The noise processes of the literature in continuous time. */
export const noiseProcesses = {
  vp: continuous(variancePreserving),
  sub_vp: continuous(subVariancePreserving),
  ve: continuous(varianceExploding),
  edm: continuous(edm),
  rectified_flow: continuous(rectifiedFlow),
} as const;

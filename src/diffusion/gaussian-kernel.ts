import type { Arithmetic } from "../base/index.ts";
import { qSample } from "./forward.ts";
import { normalKl } from "./normal.ts";
import { posteriorFactors } from "./posterior.ts";
import type { DiffusionProcess } from "./process.ts";
import { defineKernel, drawnLike, type ReverseKernel } from "./reverse-kernel.ts";

/** The mean of the reverse step, and 1 / its variance. */
const moments = <A extends Arithmetic<A>>(
  x: A,
  [a, b]: readonly A[],
  { keep, root, logOdds, share }: { readonly [K in "keep" | "root" | "logOdds" | "share"]: A },
): { readonly mean: A; readonly precision: A } => ({
  mean: x.mul(keep).add((a as A).mul(root)),
  precision: (b as A).mul(share).add(logOdds).neg().exp().add(1),
});

/**
 * Gaussian diffusion with learned means and variances. Where the network says a and b, μ = √(1 − β) x + √β a, and σ²
 * has log odds b / √T above those of β, so that it is between 0 and 1: the form of Sohl-Dickstein et al.'s own code
 * (their appendix D.2.3 has another mean). The step to data is the forward process' own (appendix B.2): the bound is
 * that of a density, which is as narrow as β_0 allows.
 */
export const gaussianKernel = (process: DiffusionProcess): ReverseKernel => {
  const { steps, betas } = process;
  return defineKernel({
    steps,
    parameters: 2,
    first: 1,
    factors(t) {
      const [from, beta] = [process.level(t), betas[t] as number];
      return {
        alpha: from.alpha,
        sigma: from.sigma,
        keep: Math.sqrt(1 - beta),
        root: Math.sqrt(beta),
        logOdds: Math.log(beta / (1 - beta)),
        share: 1 / Math.sqrt(steps),
        ...posteriorFactors(from, process.level(t - 1)),
      };
    },
    noised: (x0, level, random) => qSample(x0, random.normal(x0.shape), level),
    divergence({ x0, x, said }, factors) {
      const { towardsX0, towardsX, variance } = factors;
      const { mean, precision } = moments(x, said, factors);
      const apart = x0.mul(towardsX0).add(x.mul(towardsX)).sub(mean);
      const ratio = precision.mul(variance);
      // ½ (σq² / σp² − 1 − ln(σq² / σp²) + (μq − μp)² / σp²)
      return ratio.sub(1).sub(ratio.log()).add(apart.mul(apart).mul(precision)).mul(0.5);
    },
    ends(x0) {
      const [last, beta] = [process.level(steps - 1), betas[0] as number];
      return {
        fixed: 0.5 * (Math.log(2 * Math.PI * beta) + beta * x0 ** 2 + 1 - beta),
        prior: normalKl(last.alpha * x0, last.sigma ** 2, 1),
      };
    },
    begin: (shape, random) => random.normal(shape),
    step(x, said, { factors, generators }) {
      const { mean, precision } = moments(x, said, factors);
      return { x: drawnLike(x, "normal", generators).div(precision.sqrt()).add(mean), mean };
    },
  });
};

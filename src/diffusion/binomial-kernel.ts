import { type Arithmetic, NDArray } from "../base/index.ts";
import { type BinomialProcess, bernoulliKl, bitPosterior, bitRate } from "./binomial.ts";
import { defineKernel, drawnLike, type ReverseKernel } from "./reverse-kernel.ts";

const logOdds = (p: number): number => Math.log(p / (1 - p));

/** Bits 0 and 1 of signs -1 and 1. */
const bitsOf = <A extends Arithmetic<A>>(x: A): A => x.add(1).mul(0.5);

/** 1 where a uniform number is below the probability, else -1. */
const signs = (uniform: NDArray, probability: NDArray): NDArray =>
  uniform.sub(probability).map((above) => (above < 0 ? 1 : -1));

/** The log odds of x_{t−1} = 1, where the network says a. */
const reverseOdds = <A extends Arithmetic<A>>(
  bits: A,
  [a]: readonly A[],
  { odds0, odds1 }: { readonly [K in "odds0" | "odds1"]: A },
): A =>
  bits
    .mul(odds1.sub(odds0))
    .add(odds0)
    .add(a as A);

/**
 * Binomial diffusion with learned bit rates. Where the network says a, x_{t−1} = 1 has log odds a above those of a
 * forward step from x_t, as the Gaussian kernel's variance has. Data are -1 and 1, as networks see them. Nothing is
 * left of them at the last step, so that the bound has no term for it.
 */
export const binomialKernel = ({ steps, rate, level }: BinomialProcess): ReverseKernel =>
  defineKernel({
    steps,
    parameters: 1,
    first: 0,
    factors(t) {
      const [{ kept }, { kept: before }] = [level(t), level(t - 1)];
      const keep = kept / before;
      const anew = rate * (1 - keep);
      return { kept, before, keep, odds0: logOdds(anew), odds1: logOdds(keep + anew) };
    },
    noised: (x0, { kept }, random) => signs(random.uniform(x0.shape), bitRate(bitsOf(x0), kept, rate)),
    divergence({ x0, x, said }, factors) {
      const { before: kept, keep } = factors;
      const bits = { x: bitsOf(x), x0: bitsOf(x0) };
      return bernoulliKl(bitPosterior(bits, { kept, keep }, rate), reverseOdds(bits.x, said, factors));
    },
    ends: () => ({ fixed: 0, prior: 0 }),
    begin: (shape, random) => signs(random.uniform(shape), NDArray.full(shape, rate)),
    step(x, said, { factors, generators }) {
      const odds = reverseOdds(bitsOf(x), said, factors);
      const p = odds.map((value) => 1 / (1 + Math.exp(-value)));
      return { x: signs(drawnLike(x, "uniform", generators), p), mean: p.mul(2).sub(1) };
    },
  });

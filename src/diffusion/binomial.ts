import { ArgumentError, type Arithmetic } from "../base/index.ts";

/** A level of {@link BinomialProcess}. */
export interface BinomialLevel {
  /** The probability that a bit was never drawn anew, ∏ (1 − β_s) over s ≤ t. */
  readonly kept: number;
  /** -1 for the clean level. */
  readonly t: number;
}

/**
 * Binomial diffusion (Sohl-Dickstein et al. 2015, table App.1): at step t a bit is drawn anew with probability β_t, and
 * is then 1 with probability `rate`. Of T steps each takes away the same share of the data, β_t = 1 / (T − t) for
 * t = 0 … T − 1 (section 2.4.1), so that nothing is left at the last.
 */
export interface BinomialProcess {
  /** T */
  readonly steps: number;
  /** How often a bit that is drawn anew is 1. */
  readonly rate: number;
  /** @throws ArgumentError unless t is a timestep, or -1 */
  level(t: number): BinomialLevel;
}

/** @throws ArgumentError for a rate that is no probability between 0 and 1, or fewer than one step */
export const binomialProcess = ({
  steps,
  rate = 0.5,
}: {
  readonly steps: number;
  readonly rate?: number;
}): BinomialProcess => {
  if (!(rate > 0 && rate < 1))
    throw new ArgumentError({ who: "rate", expected: "above 0 and below 1", got: String(rate) });
  if (!Number.isInteger(steps) || steps < 1)
    throw new ArgumentError({ who: "steps", expected: "a whole number of 1 or more", got: String(steps) });
  return {
    steps,
    rate,
    level(t) {
      if (Number.isInteger(t) && t >= -1 && t < steps) return { kept: 1 - (t + 1) / steps, t };
      throw new ArgumentError({
        who: "timestep",
        expected: `from 0 to ${steps - 1}, or -1 for the clean level`,
        got: String(t),
      });
    },
  };
};

/** P(x_t = 1 | x_0) of bits x_0, 0 or 1, kept with this probability. */
export const bitRate = <A extends Arithmetic<A>>(x0: A, kept: A | number, rate: number): A =>
  x0.sub(rate).mul(kept).add(rate);

const complement = <A extends Arithmetic<A>>(p: A): A => p.neg().add(1);

/** How likely a bit seen at a level makes a 1, and a 0, at a cleaner one: P(x_t | x_s = 1) and P(x_t | x_s = 0). */
interface BitLikelihood<A> {
  readonly of1: A;
  readonly of0: A;
}

/** @param keep the probability that a bit is not drawn anew between the levels */
const bitLikelihood = <A extends Arithmetic<A>>(x: A, keep: A, rate: number): BitLikelihood<A> => {
  const anew = x.mul(2 * rate - 1).add(1 - rate); // P(x_t) of a bit that is drawn anew
  const likelihood = (same: A): A => same.sub(anew).mul(keep).add(anew);
  return { of1: likelihood(x), of0: likelihood(complement(x)) };
};

/**
 * P(x_s = 1 | x_t, x_0) of bits, by Bayes' rule.
 * @param levels the probabilities of having been kept until s, and from s to t; they broadcast over the bits
 */
export const bitPosterior = <A extends Arithmetic<A>>(
  { x, x0 }: { readonly x: A; readonly x0: A },
  { kept, keep }: { readonly kept: A; readonly keep: A },
  rate: number,
): A => {
  const prior = bitRate(x0, kept, rate);
  const { of1, of0 } = bitLikelihood(x, keep, rate);
  const one = prior.mul(of1);
  return one.div(one.add(complement(prior).mul(of0)));
};

/** Numbers this small count as 0 in p ln p, and no logit is this large. */
const [LEAST, LARGEST] = [1e-30, 1e30];
const timesLog = <A extends Arithmetic<A>>(p: A): A => p.mul(p.clamp(LEAST, 1).log());

/**
 * KL(Bernoulli(q) ‖ Bernoulli(p)) of every bit, in nats, with p = 1 / (1 + e^(−logit)). Nothing cancels where both are
 * near 0 or 1: with m = max(logit, 0) the cross entropy is ln(e^(logit − m) + e^(−m)) + m (1 − q) + (m − logit) q.
 */
export const bernoulliKl = <A extends Arithmetic<A>>(q: A, logit: A): A => {
  const m = logit.clamp(0, LARGEST);
  const p = complement(q);
  const normaliser = logit.sub(m).exp().add(m.neg().exp()).log();
  const cross = normaliser.add(m.mul(p)).add(m.sub(logit).mul(q));
  return cross.add(timesLog(q)).add(timesLog(p));
};

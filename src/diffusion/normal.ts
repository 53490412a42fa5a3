/** KL(N(mean difference 0 + apart, a) ‖ N(0, b)) of two normal distributions of one coordinate, in nats. */
export const normalKl = (apart: number, varianceQ: number, varianceP: number): number =>
  0.5 * (Math.log(varianceP / varianceQ) - 1 + (varianceQ + apart ** 2) / varianceP);

/** ln N(apart; 0, variance). */
export const normalLog = (apart: number, variance: number): number =>
  -0.5 * (Math.log(2 * Math.PI * variance) + apart ** 2 / variance);

/**
 * 1 − Φ(x) for x ≥ 0, to 1e-12 relative: the Taylor series of Φ near 0, Laplace's continued fraction beyond
 * (DLMF 7.6.2 and 7.9.1).
 */
const upperTail = (x: number): number => {
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  if (x < 3) {
    let [term, sum] = [x, x];
    for (let n = 3; Math.abs(term) > 1e-18; n += 2) {
      term *= (x * x) / n;
      sum += term;
    }
    return 0.5 - density * sum;
  }
  let fraction = 0;
  for (let n = 60; n > 0; n--) fraction = n / (x + fraction);
  return density / (x + fraction);
};

/** Φ(b) − Φ(a) of the standard normal distribution, without cancellation in the tails; a and b may be infinite. */
export const normalMass = (a: number, b: number): number => {
  if (a > 0) return upperTail(a) - upperTail(b);
  if (b < 0) return upperTail(-b) - upperTail(-a);
  return 1 - upperTail(-a) - upperTail(b);
};

/** Below this a probability counts as this, so that one impossible pixel does not make the whole bound infinite. */
const LEAST = 1e-300;

/**
 * ln p of a grey value under a normal distribution, integrated over the width of the value: from −∞ for the darkest
 * and to ∞ for the brightest (Ho et al. 2020, eq. 13).
 * @param levels how many values there are, evenly over [-1, 1]
 */
export const discretisedLog = (x: number, mean: number, deviation: number, levels = 256): number => {
  const half = 1 / (levels - 1);
  const low = x - half <= -1 ? -Infinity : (x - half - mean) / deviation;
  const high = x + half >= 1 ? Infinity : (x + half - mean) / deviation;
  return Math.log(Math.max(normalMass(low, high), LEAST));
};

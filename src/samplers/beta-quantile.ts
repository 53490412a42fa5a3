/** ln Γ(x) for x > 0 by Stirling's series, shifted to where four terms give double precision (DLMF 5.11.1). */
const logGamma = (x: number): number => {
  let [z, shift] = [x, 0];
  for (; z < 15; z++) shift += Math.log(z);
  const series = 1 / (12 * z) - 1 / (360 * z ** 3) + 1 / (1260 * z ** 5) - 1 / (1680 * z ** 7);
  return (z - 0.5) * Math.log(z) - z + Math.log(2 * Math.PI) / 2 + series - shift;
};

/** The regularised incomplete beta function I_x(a, b) by its power series, for x ≤ 1/2 (DLMF 8.17.7). */
const lowerBeta = (x: number, a: number, b: number): number => {
  let [term, sum] = [1, 1 / a];
  for (let n = 1; n < 200 && term > 1e-18; n++) {
    term *= ((n - b) / n) * x;
    sum += term / (a + n);
  }
  return sum * Math.exp(a * Math.log(x) + logGamma(a + b) - logGamma(a) - logGamma(b));
};

/** The distribution function of Beta(a, b), 0 < b ≤ 1 and 0 < a ≤ 1, at x. */
const betaDistribution = (x: number, a: number, b: number): number => {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  return x <= 0.5 ? lowerBeta(x, a, b) : 1 - lowerBeta(1 - x, b, a);
};

/** The x below which Beta(a, b), 0 < a, b ≤ 1, lies with probability p, by bisection. */
export const betaQuantile = (p: number, a: number, b: number): number => {
  if (p > 0.5) return 1 - betaQuantile(1 - p, b, a);
  let [low, high] = [0, 1];
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    if (betaDistribution(middle, a, b) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
};

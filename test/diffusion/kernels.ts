import { NDArray } from "../../src/base/index.ts";
import type { BinomialProcess, KernelNetwork } from "../../src/diffusion/index.ts";

const odds = (p: number): number => Math.log(p / (1 - p));
/** Nearer to 0 or 1 than this no probability comes. */
const LEAST = 1e-12;

/** P(b' = 1 | b) of a bit that is kept with this probability, else drawn anew. */
const rateOf = (bit: number, kept: number, rate: number): number => bit * kept + rate * (1 - kept);
const probability = (bit: number, p: number): number => (bit ? p : 1 - p);

/**
 * What a network would say of bits, had it learned all that steps with independent bits can of data that are one of
 * these sequences, each as likely: the rate of every bit of x_{t−1} given x_t, by a sum over the sequences.
 */
export const exactBits =
  ({ level, rate }: BinomialProcess, sequences: readonly (readonly number[])[]): KernelNetwork =>
  async (x, t) => {
    const [{ kept }, { kept: before }] = [level(t), level(t - 1)];
    const keep = kept / before;
    const rows = x.split().map(({ data }) => {
      const bits = Array.from(data, (sign) => (sign + 1) / 2);
      const seen = (b: number, p: number) => Math.log(Math.max(LEAST, probability(b, p)));
      const logs = sequences.map((x0) =>
        bits.reduce((sum, bit, i) => sum + seen(bit, rateOf(x0[i] as number, kept, rate)), 0),
      );
      const most = Math.max(...logs);
      const weights = logs.map((log) => Math.exp(log - most));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      return bits.map((bit, i) => {
        const mean = sequences.reduce((sum, x0, k) => {
          const prior = rateOf(x0[i] as number, before, rate);
          const one = prior * probability(bit, rateOf(1, keep, rate));
          const zero = (1 - prior) * probability(bit, rateOf(0, keep, rate));
          return sum + ((weights[k] as number) / total) * (one / (one + zero));
        }, 0);
        return odds(Math.min(1 - LEAST, Math.max(LEAST, mean))) - odds(rateOf(bit, keep, rate));
      });
    });
    return [NDArray.of(rows.flat(), x.shape)];
  };

/** The sequences of a heartbeat, as bits. */
export const heartbeats = (length: number, period: number): number[][] =>
  Array.from({ length: period }, (_, phase) =>
    Array.from({ length }, (_, i) => Number(i % period === phase)),
  );

/** A network that always says 0. */
export const silent =
  (parameters: number): KernelNetwork =>
  async (x) =>
    Array.from({ length: parameters }, () => NDArray.zeros(x.shape));

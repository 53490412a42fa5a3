import { ArgumentError, type Generator, type NDArray } from "../base/index.ts";
import { factorsAt, type ReverseKernel } from "./reverse-kernel.ts";

/** What a network says of x [n, c, h, w] at a timestep, one array of that shape for each of a kernel's parameters. */
export type KernelNetwork = (x: NDArray, t: number) => Promise<readonly NDArray[]>;

/** The bound −log₂ p(x_0) ≤ L_0 + … + L_T in bits a sample, averaged over samples. */
export interface ChainBound {
  /** L_t for t = 0 … T − 1, at index t. */
  readonly terms: Float64Array;
  /** L_T, of the noised data and what the chain begins with. */
  readonly prior: number;
  readonly total: number;
  /** Of the total, over the samples. */
  readonly standardError: number;
}

/**
 * The variational bound of a learned chain (Sohl-Dickstein et al. 2015, eq. 14, with the sign of a cost), each of its
 * terms by one draw of x_t a sample: T evaluations of the network.
 * @param x0 [n, c, h, w]
 * @throws ArgumentError for no samples
 */
export const chainBound = async (
  x0: NDArray,
  {
    kernel,
    network,
    generator,
  }: { readonly kernel: ReverseKernel; readonly network: KernelNetwork; readonly generator: Generator },
): Promise<ChainBound> => {
  const [n = 0] = x0.shape;
  if (n === 0) throw new ArgumentError({ who: "chainBound", expected: "at least one sample", got: "none" });
  const totals = new Float64Array(n);
  const count = (nats: ArrayLike<number>): number => {
    const size = nats.length / n;
    let sum = 0;
    for (let i = 0; i < nats.length; i++) {
      const bits = (nats[i] as number) / Math.LN2;
      const k = Math.floor(i / size);
      totals[k] = (totals[k] as number) + bits;
      sum += bits;
    }
    return sum / n;
  };
  const ends = Array.from(x0.data, kernel.ends);
  const prior = count(ends.map((end) => end.prior));
  const terms = new Float64Array(kernel.steps);
  if (kernel.first > 0) terms[0] = count(ends.map(({ fixed }) => fixed));
  for (let t = kernel.first; t < kernel.steps; t++) {
    const factors = factorsAt(kernel, [t]);
    const x = kernel.noised(x0, factors, generator);
    terms[t] = count(kernel.divergence({ x0, x, said: await network(x, t) }, factors).data);
  }
  const total = totals.reduce((sum, each) => sum + each, 0) / n;
  const squares = totals.reduce((sum, each) => sum + (each - total) ** 2, 0);
  return { terms, prior, total, standardError: Math.sqrt(squares / (n - 1) / n) };
};

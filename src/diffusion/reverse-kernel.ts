import { type Arithmetic, type Generator, NDArray, type Shape } from "../base/index.ts";

/** Numbers of a timestep that a kernel's equations need, or arrays of them that broadcast over samples, [n, 1, 1, 1]. */
export type KernelFactors<A, K extends string = string> = Readonly<Record<K, A>>;

/** What a kernel's divergence is made of; arrays [n, c, h, w]. */
export interface KernelParts<A> {
  readonly x0: A;
  /** The noised data, from q(x_t | x_0). */
  readonly x: A;
  /** What the network says of x: as many arrays as the kernel has parameters. */
  readonly said: readonly A[];
}

/**
 * A forward process, and a chain back along it with a family of distributions p(x_{t−1} | x_t) whose parameters a
 * network says, all of them, for each step (Sohl-Dickstein et al. 2015, section 2 and table App.1). Where the network
 * says 0 the step is the forward process' own, which leaves its equilibrium as it is.
 */
export interface ReverseKernel<K extends string = string> {
  /** T; timesteps are 0 … T − 1. */
  readonly steps: number;
  /** How many arrays of x's shape the network says. */
  readonly parameters: number;
  /** The first timestep whose step is learned; in those before the network counts as saying 0. */
  readonly first: number;
  readonly factors: (t: number) => KernelFactors<number, K>;
  /** A draw from q(x_t | x_0). */
  readonly noised: (x0: NDArray, factors: KernelFactors<NDArray, K>, random: Generator) => NDArray;
  /** KL(q(x_{t−1} | x_t, x_0) ‖ p(x_{t−1} | x_t)) of every coordinate in nats, for t from `first`. */
  readonly divergence: <A extends Arithmetic<A>>(parts: KernelParts<A>, factors: KernelFactors<A, K>) => A;
  /**
   * The bound's terms of a coordinate beyond the learned steps, in nats: −ln p(x_0 | x_1) on average over q where that
   * step is not learned, and KL(q(x_T | x_0) ‖ p(x_T)).
   */
  readonly ends: (x0: number) => { readonly fixed: number; readonly prior: number };
  /** A draw from p(x_T), of one sample. */
  readonly begin: (shape: Shape, random: Generator) => NDArray;
  /** A draw from p(x_{t−1} | x_t), of each sample with its own generator, and its expectation. */
  readonly step: (
    x: NDArray,
    said: readonly NDArray[],
    at: { readonly factors: KernelFactors<NDArray, K>; readonly generators: readonly Generator[] },
  ) => { readonly x: NDArray; readonly mean: NDArray };
}

/** A kernel, whose equations get the factors that it names. */
export const defineKernel = <K extends string>(kernel: ReverseKernel<K>): ReverseKernel =>
  kernel as unknown as ReverseKernel;

/** The factors of timesteps [n] as arrays [n, 1, 1, 1]. */
export const factorsAt = (
  { factors }: Pick<ReverseKernel, "factors">,
  times: readonly number[],
): KernelFactors<NDArray> => {
  const rows = times.map(factors);
  return Object.fromEntries(
    Object.keys(rows[0] ?? {}).map((name) => [
      name,
      NDArray.of(
        rows.map((row) => row[name] as number),
        [rows.length, 1, 1, 1],
      ),
    ]),
  );
};

/** The output [n, k · c, h, w] of a network as k arrays [n, c, h, w]. */
export const saidIn = (output: NDArray, parameters: number): NDArray[] => {
  const [n = 0, channels = 0, h = 1, w = 1] = output.shape;
  return output
    .reshape([n, parameters, channels / parameters, h, w])
    .transpose([1, 0, 2, 3, 4])
    .split();
};

/** Random numbers in the shape of x, of each sample from its own generator. */
export const drawnLike = (
  x: NDArray,
  kind: "normal" | "uniform",
  generators: readonly Generator[],
): NDArray => NDArray.stack(generators.map((generator) => generator[kind](x.shape.slice(1))));

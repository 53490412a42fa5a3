import type { NDArray } from "../base/index.ts";
import { checkPair } from "./features.ts";
import { innerProducts, pairProducts } from "./products.ts";

/** Sums of the kernel that the distance is made of, for samples that count differently often. */
export interface KernelSums {
  readonly samples: number;
  readonly references: number;
  /** Sum over pairs of two references. */
  readonly within: number;
  /** Of each sample with all references, [n]. */
  readonly across: Float64Array;
  /** Σ over pairs of two samples of wᵢ wⱼ k(xᵢ, xⱼ), for each list of weights. */
  readonly weighted: readonly number[];
}

/** (xᵀy / d + 1)³ (Bińkowski et al. 2018, section 4). */
const cubic = (product: number, d: number): number => {
  const base = product / d + 1;
  return base * base * base;
};

/** Sums over all pairs; an image makes no pair with itself. */
export const kernelSums = async (
  samples: NDArray,
  reference: NDArray,
  {
    weights,
    signal,
  }: { readonly weights: readonly ArrayLike<number>[]; readonly signal?: AbortSignal | undefined },
): Promise<KernelSums> => {
  checkPair("kernelDistance", samples, reference);
  const [n = 0, d = 1] = samples.shape;
  const [m = 0] = reference.shape;
  const sumOf = (products: Float64Array): number => {
    let sum = 0;
    for (let j = 0; j < products.length; j++) sum += cubic(products[j] as number, d);
    return sum;
  };
  let within = 0;
  const across = new Float64Array(n);
  const weighted = weights.map(() => 0);
  await pairProducts(
    reference,
    (_, products) => {
      within += 2 * sumOf(products);
    },
    signal,
  );
  await innerProducts(
    samples,
    reference,
    (i, products) => {
      across[i] = sumOf(products);
    },
    signal,
  );
  await pairProducts(
    samples,
    (i, products) => {
      for (let j = 0; j < i; j++) products[j] = cubic(products[j] as number, d);
      weights.forEach((weight, b) => {
        const own = weight[i] as number;
        if (own === 0) return;
        let sum = 0;
        for (let j = 0; j < i; j++) sum += (weight[j] as number) * (products[j] as number);
        weighted[b] = (weighted[b] as number) + 2 * own * sum;
      });
    },
    signal,
  );
  return { samples: n, references: m, within, across, weighted };
};

/** The unbiased estimate from sums: of the weights at `index`, which are `weight`. */
export const kernelEstimate = (sums: KernelSums, weight: ArrayLike<number>, index: number): number => {
  const { samples: n, references: m, within, across, weighted } = sums;
  let [total, squares, cross] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const w = weight[i] as number;
    total += w;
    squares += w * w;
    cross += w * (across[i] as number);
  }
  const pairs = total * total - squares;
  return (weighted[index] as number) / pairs + within / (m * (m - 1)) - (2 * cross) / (total * m);
};

/**
 * The squared maximum mean discrepancy of features [n, d] and [m, d] under the kernel (xᵀy / d + 1)³, unbiased, over all
 * pairs: KID on features of Inception (Bińkowski et al. 2018, section 4). It may be negative.
 */
export const kernelDistance = async (
  samples: NDArray,
  reference: NDArray,
  signal?: AbortSignal,
): Promise<number> => {
  const ones = new Float64Array(samples.shape[0] ?? 0).fill(1);
  return kernelEstimate(await kernelSums(samples, reference, { weights: [ones], signal }), ones, 0);
};

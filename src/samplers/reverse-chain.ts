import { type Generator, NDArray, NonFiniteError, type Shape } from "../base/index.ts";
import { factorsAt, type KernelNetwork, type ReverseKernel } from "../diffusion/index.ts";
import type { SampleFrame } from "./driver.ts";

export interface ReverseChainOptions {
  readonly kernel: ReverseKernel;
  readonly network: KernelNetwork;
  /** One a sample: what it draws is its own, in any batch. */
  readonly generators: readonly Generator[];
  /** Of one sample, [c, h, w]. */
  readonly shape: Shape;
  /** Heard before each evaluation of the network. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Walks a learned chain from its equilibrium to data, one draw from p(x_{t−1} | x_t) a step, and yields after each;
 * `denoised` is the expectation of the step.
 * @throws the signal's reason once aborted; NonFiniteError naming the step that left the finite numbers
 */
export async function* reverseChain({
  kernel,
  network,
  generators,
  shape,
  signal,
}: ReverseChainOptions): AsyncGenerator<SampleFrame, void> {
  const { steps: total, first, parameters } = kernel;
  let x = NDArray.stack(generators.map((generator) => kernel.begin(shape, generator)));
  for (let index = 0; index < total; index++) {
    const t = total - 1 - index;
    signal?.throwIfAborted();
    const silent = () => Array.from({ length: parameters }, () => NDArray.zeros(x.shape));
    const said = t < first ? silent() : await network(x, t);
    const step = kernel.step(x, said, { factors: factorsAt(kernel, [t]), generators });
    if (!step.mean.isFinite() || !step.x.isFinite())
      throw new NonFiniteError({
        who: `reverse chain, step ${index + 1} of ${total} (t = ${t})`,
        expected: "finite values",
        got: "NaN or infinity",
        hint: "the network's output overflowed: check its weights",
      });
    x = step.x;
    yield { index, total, x, denoised: step.mean };
  }
}

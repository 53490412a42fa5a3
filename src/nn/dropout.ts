import { type Generator, type NDArray, sizeOf } from "../base/index.ts";
import { input, type Tensor } from "../tensor/index.ts";

/**
 * The dropout masks of one traced function: inputs of its graph, since a graph holds no random numbers.
 * Pass one to `forward` while tracing, add `inputs` to the graph's, and feed `draw` at each call. Without
 * one, a network is in evaluation and drops nothing.
 */
export class DropoutMasks {
  private readonly masks: { readonly leaf: Tensor<"input">; readonly probability: number }[] = [];

  /** x with each element dropped with this probability and the others scaled by 1 / (1 − probability). */
  apply(x: Tensor, probability: number): Tensor {
    if (probability === 0) return x;
    const leaf = input(x.shape);
    this.masks.push({ leaf, probability });
    return x.mul(leaf);
  }

  get inputs(): Map<string, Tensor<"input">> {
    return new Map(this.masks.map(({ leaf }, i) => [`dropout.${i}`, leaf]));
  }

  /** Fresh masks: 0, or 1 / (1 − probability). */
  draw(random: Generator): Record<string, NDArray> {
    return Object.fromEntries(
      this.masks.map(({ leaf, probability }, i) => {
        const scale = 1 / (1 - probability);
        const mask = random.uniform([sizeOf(leaf.shape)]).map((u) => (u < probability ? 0 : scale));
        return [`dropout.${i}`, mask.reshape(leaf.shape)];
      }),
    );
  }
}

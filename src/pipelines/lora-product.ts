import { NDArray } from "../base/index.ts";
import { compileSymbolic } from "../runtime/index.ts";
import { input, type Named, type Tensor, trace } from "../tensor/index.ts";
import type { LoraLayer } from "./lora-read.ts";

type Term = Pick<LoraLayer, "up" | "down" | "scale">;

/** W + Σ scale · up · down, of W's shape. */
export interface LowRankSum {
  (weight: NDArray, terms: readonly Term[]): Promise<NDArray>;
  close(): Promise<void>;
}

/** One session for weights of every shape and rank: terms stand side by side in one product [o, Σr] · [Σr, n]. */
export const openLowRankSum = async (): Promise<LowRankSum> => {
  const run = await compileSymbolic(
    {
      symbols: { o: 1, r: 1, n: 1 },
      at: ({ o = 0, r = 0, n = 0 }) =>
        trace({ weight: input([o, n]), up: input([o, r]), down: input([r, n]) }, (tensors) => {
          const { weight, up, down } = tensors as Named<Tensor> & Record<"weight" | "up" | "down", Tensor>;
          return { sum: weight.add(up.matmul(down)) };
        }),
    },
    { worker: false },
  );
  const sum = async (weight: NDArray, terms: readonly Term[]): Promise<NDArray> => {
    const o = weight.shape[0] as number;
    const n = weight.size / o;
    const down = NDArray.concat(terms.map((term) => term.down.reshape([term.down.shape[0] as number, n])));
    const result = await run({ weight: weight.reshape([o, n]), up: sideBySide(terms, o), down });
    return (result.sum as NDArray).reshape(weight.shape);
  };
  return Object.assign(sum, { close: () => run.close() });
};

/** scale · up of every term, [o, Σr]. */
const sideBySide = (terms: readonly Term[], o: number): NDArray => {
  const total = terms.reduce((sum, { up }) => sum + up.size / o, 0);
  const out = new Float32Array(o * total);
  let first = 0;
  for (const { up, scale } of terms) {
    const r = up.size / o;
    for (let i = 0; i < o; i++)
      for (let k = 0; k < r; k++) out[i * total + first + k] = scale * (up.data[i * r + k] as number);
    first += r;
  }
  return new NDArray(out, [o, total]);
};

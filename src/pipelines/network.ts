import type { NDArray } from "../base/index.ts";
import { isNative } from "../lower/index.ts";
import { leaves, stateOf } from "../nn/index.ts";
import { type Compiled, compile, deviceOf, inferTarget } from "../runtime/index.ts";
import { type Named, type Tensor, trace } from "../tensor/index.ts";
import type { EvaluateOptions } from "../train/index.ts";

/** A module with its weights, run at whatever sizes its feeds have. Close it when done. */
export interface OpenNetwork {
  run(feeds: Named<NDArray>): Promise<Named<NDArray>>;
  close(): Promise<void>;
}

/**
 * A module as a function of arrays: `forward` is traced anew where feeds have other shapes, and what was compiled for the
 * last `keep` of them is kept: one, as each has laid out weights of its own, unless few shapes take turns.
 */
export const openNetwork = (
  module: object,
  forward: (inputs: Named<Tensor>) => Named<Tensor>,
  { threads, backend, precision }: EvaluateOptions = {},
  keep = 1,
): OpenNetwork => {
  const target = inferTarget(backend, precision);
  const place = { ...(threads && { threads }), device: deviceOf(backend), worker: !isNative(target) };
  /** The newest last. */
  const open = new Map<string, Promise<Compiled>>();
  const compiledFor = async (feeds: Named<NDArray>): Promise<Compiled> => {
    const key = JSON.stringify(Object.entries(feeds).map(([name, { shape, dtype }]) => [name, shape, dtype]));
    const known = open.get(key);
    open.delete(key);
    const [oldest] = open;
    if (!known && oldest && open.size >= keep) {
      open.delete(oldest[0]);
      await (await oldest[1]).close();
    }
    const options = { weights: stateOf(module), target, ...place };
    const compiled = known ?? compile(trace(feeds, forward, leaves(module)), options);
    open.set(key, compiled);
    return compiled;
  };
  return {
    run: async (feeds) => (await compiledFor(feeds))(feeds),
    async close() {
      for (const compiled of open.values()) await (await compiled).close();
      open.clear();
    },
  };
};

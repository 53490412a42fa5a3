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

/** Bytes of weights that are not copied to a worker: an evaluation of theirs by onnxruntime then holds up the event loop. */
const LARGE = 2 ** 30;

/**
 * A module as a function of arrays: `forward` is traced anew where feeds have other shapes than those before, and what was
 * compiled for those is closed, as it has laid out weights of its own.
 */
export const openNetwork = (
  module: object,
  forward: (inputs: Named<Tensor>) => Named<Tensor>,
  { threads, backend, precision }: EvaluateOptions = {},
): OpenNetwork => {
  const target = inferTarget(backend, precision);
  const weights = stateOf(module);
  const bytes = [...weights.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
  const worker = !isNative(target) && bytes < LARGE;
  const place = { ...(threads && { threads }), device: deviceOf(backend), worker };
  let open: { readonly key: string; readonly compiled: Promise<Compiled> } | undefined;
  const close = async () => {
    const before = open;
    open = undefined;
    await (await before?.compiled)?.close();
  };
  return {
    async run(feeds) {
      const key = JSON.stringify(
        Object.entries(feeds).map(([name, { shape, dtype }]) => [name, shape, dtype]),
      );
      if (open?.key !== key) {
        await close();
        const options = { weights, target, ...place };
        open = { key, compiled: compile(trace(feeds, forward, leaves(module)), options) };
      }
      return (await open.compiled)(feeds);
    },
    close,
  };
};

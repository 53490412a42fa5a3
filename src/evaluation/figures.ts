import { setImmediate as nextTurn } from "node:timers/promises";
import type { Streams } from "../base/index.ts";
import { type Estimate, resamplings, withInterval } from "./bootstrap.ts";

/** One number of an evaluation, with what it needs to be understood. */
export interface Figure extends Estimate {
  /** Says what it is and over which network, e.g. "Fréchet distance over classifier of digits, 1a2b3c4d". */
  readonly name: string;
  readonly better: "lower" | "higher" | "near ½";
  /** Images that it is of, and that they were compared with. */
  readonly samples: number;
  readonly reference: number | null;
  /** When to mistrust it. */
  readonly notes: readonly string[];
}

/** What the making of figures shares. */
export interface FigureContext {
  /** Where resamplings and directions are drawn. */
  readonly streams: Streams;
  readonly signal?: AbortSignal | undefined;
  /** Told what is computed now. */
  readonly onStage?: ((what: string) => void) | undefined;
}

/** An estimate whose interval is that of the statistic over resampled samples, computed in turns with the event loop. */
export const resampled = async (
  value: number,
  n: number,
  statistic: (counts: ArrayLike<number>) => number,
  { streams, signal }: FigureContext,
): Promise<Estimate> => {
  const replicates: number[] = [];
  for (const counts of resamplings(n, streams.get("resamplings"))) {
    await nextTurn();
    signal?.throwIfAborted();
    replicates.push(statistic(counts));
  }
  return withInterval(value, replicates);
};

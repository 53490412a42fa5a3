import { setImmediate as nextTurn } from "node:timers/promises";
import type { Streams } from "../base/index.ts";
import { type Estimate, REPLICATES, resamplings, withInterval } from "./bootstrap.ts";

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

/** Values of a statistic for samples that count differently often, in turns with the event loop. */
export const replicate = async (
  n: number,
  statistic: (counts: ArrayLike<number>) => number,
  { streams, signal }: FigureContext,
): Promise<number[]> => {
  const found: number[] = [];
  for (const counts of resamplings(n, streams.get("resamplings"), REPLICATES)) {
    await nextTurn();
    signal?.throwIfAborted();
    found.push(statistic(counts));
  }
  return found;
};

/** An estimate whose interval is that of the statistic over resampled samples. */
export const resampled = async (
  value: number,
  n: number,
  statistic: (counts: ArrayLike<number>) => number,
  context: FigureContext,
): Promise<Estimate> => withInterval(value, await replicate(n, statistic, context));

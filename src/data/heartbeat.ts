import { NDArray, Streams } from "../base/index.ts";
import { type Dataset, makeDataset } from "./dataset.ts";
import type { DrawOptions } from "./density-points.ts";

export interface HeartbeatOptions extends DrawOptions {
  /** Bits of a sequence. */
  readonly length: number;
  /** Bits from one pulse to the next. */
  readonly period: number;
}

/**
 * The binary heartbeat (Sohl-Dickstein et al. 2015, section 3.1.2): a pulse of 1 at every `period`-th bit, which of
 * them being drawn for each sequence, and -1 at all others; float32 [count, length, 1, 1].
 */
export const openHeartbeat = ({ length, period, count, seed }: HeartbeatOptions): Dataset => {
  const phases = new Streams(seed).get("phases").integers(0, period, [count]).data;
  const bits = Array.from(phases, (phase) =>
    Array.from({ length }, (_, i) => (i % period === phase ? 1 : -1)),
  );
  return makeDataset({
    name: "heartbeat",
    form: "bits",
    images: NDArray.of(bits.flat(), [count, length, 1, 1]),
    labels: null,
    classes: null,
    skipped: [],
  });
};

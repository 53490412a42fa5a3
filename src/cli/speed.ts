import { availableParallelism } from "node:os";
import { quantile } from "../evaluation/index.ts";
import { isNative } from "../lower/index.ts";
import { type Backend, deviceOf, inferTarget, type OtherDevice } from "../runtime/index.ts";
import { openTrained, type Trained } from "../systems/index.ts";
import type { BatchTime } from "./batches.ts";

/** Where a model runs. */
export interface Place {
  readonly threads?: number | undefined;
  readonly backend?: Backend | undefined;
}

/** A model that knows how often its networks were evaluated so far, each time of a whole batch. */
export interface CountedModel extends Trained {
  readonly evaluations: () => number;
}

/** Opens a run or a checkpoint. @throws as {@link openTrained} */
export const openCounted = async (path: string, place: Place): Promise<CountedModel> => {
  let made = 0;
  const onEvaluation = () => {
    made += 1;
  };
  return { ...(await openTrained(path, { ...place, onEvaluation })), evaluations: () => made };
};

/** What computes. */
export interface Engine {
  readonly threads: number;
  readonly engine: "native" | "onnxruntime" | `onnxruntime on ${OtherDevice}`;
}

/** What computes at a place. @throws ArgumentError where the native engine is asked for and not built */
export const engineOf = ({ threads = availableParallelism(), backend }: Place): Engine => {
  const device = deviceOf(backend);
  if (device !== "cpu") return { threads, engine: `onnxruntime on ${device}` };
  return { threads, engine: isNative(inferTarget(backend)) ? "native" : "onnxruntime" };
};

/** What images cost to generate. */
export interface Speed extends Engine {
  /** From the median of the timed batches; null where there is none. */
  readonly imagesPerSecond: number | null;
  /** Of networks, for an image; guidance by two estimates of one network is one evaluation, of twice the images. */
  readonly evaluations: number;
  /** Images at once. */
  readonly batch: number;
  /** Whole batches but for the first, during which networks are compiled. */
  readonly timedBatches: number;
}

/** The speed of batches that took so many evaluations in all. */
export const speedOf = (batches: readonly BatchTime[], evaluations: number, place: Place): Speed => {
  const batch = batches[0]?.images ?? 0;
  const timed = batches.slice(1).filter(({ images }) => images === batch);
  const rising = timed.map(({ seconds }) => seconds).sort((a, b) => a - b);
  return {
    imagesPerSecond: rising.length === 0 ? null : batch / quantile(rising, 0.5),
    evaluations: evaluations / batches.length,
    batch,
    timedBatches: timed.length,
    ...engineOf(place),
  };
};

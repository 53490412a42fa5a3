import { ArgumentError, NDArray } from "../base/index.ts";
import type { Recipe, Trained } from "../systems/index.ts";
import { type Progress, showSeconds, startProgress } from "./progress.ts";
import type { StartOf } from "./starting-point.ts";

/** Most frames of an animation. */
const FRAMES = 60;

/** Images to generate in batches. */
export interface Generation {
  readonly seed: number;
  readonly count: number;
  readonly labels: readonly number[] | undefined;
  readonly sampling: Recipe["sampling"];
  /** What images `first` … `first + n` begin with. */
  readonly startOf: StartOf;
  readonly batch: number;
  /** Keep what the animation shows, not just the end. */
  readonly animated: boolean;
  readonly signal: AbortSignal;
}

/** How long a batch took. */
export interface BatchTime {
  readonly images: number;
  readonly seconds: number;
}

/** Finished images [n, c, h, w], and moments on the way there, each of all images. */
export interface Generated {
  readonly images: NDArray;
  readonly moments: readonly NDArray[];
  readonly batches: readonly BatchTime[];
}

/** Generates batch after batch behind a progress bar. */
export const generate = async (model: Trained, generation: Generation): Promise<Generated> => {
  const { seed, count, batch, labels, startOf, sampling, signal } = generation;
  const finished: NDArray[] = [];
  const moments: NDArray[][] = [];
  const batches: BatchTime[] = [];
  const clock = performance.now();
  let progress: Progress | null = null;
  for (let start = 0; start < count; start += batch) {
    const n = Math.min(batch, count - start);
    const part = labels?.slice(start, start + n);
    const began = performance.now();
    let last: NDArray | undefined;
    let kept = 0;
    for await (const frame of model.sample({
      seed: seed + start,
      count: n,
      labels: part,
      start: startOf(start, n),
      sampling,
      signal,
    })) {
      const total = frame.total ?? frame.index + 1;
      progress ??= startProgress("sampling", total * Math.ceil(count / batch));
      const done = (start / batch) * total + frame.index + 1;
      const spent = (performance.now() - clock) / 1000;
      progress.update(done, {
        left: showSeconds((spent / done) * (total * Math.ceil(count / batch) - done)),
      });
      last = frame.x;
      if (generation.animated && isShown(frame.index, total)) {
        moments[kept] = [...(moments[kept] ?? []), frame.x];
        kept += 1;
      }
    }
    if (last) finished.push(last);
    batches.push({ images: n, seconds: (performance.now() - began) / 1000 });
  }
  progress?.stop();
  if (finished.length === 0)
    throw new ArgumentError({
      who: model.stage.name,
      expected: "a stage that makes images",
      got: "one that helps others to",
      hint: "take the folder of the whole run",
    });
  return {
    images: NDArray.concat(finished),
    moments: moments.map((parts) => NDArray.concat(parts)),
    batches,
  };
};

/** Whether step `index` of `total` is among the evenly spaced ones that the animation shows. */
const isShown = (index: number, total: number): boolean =>
  total <= FRAMES || Math.floor(((index + 1) * FRAMES) / total) > Math.floor((index * FRAMES) / total);

import type { FileError } from "../base/index.ts";
import type { Precision } from "../lower/index.ts";
import type { Advice } from "./advice.ts";

/** Loss on held-out images at fixed points of the process. */
export interface HeldOutResult {
  readonly points: readonly number[];
  readonly losses: readonly number[];
  readonly mean: number;
}

/** What a training tells its watcher; a progress bar, a log and a test read the same stream. */
export type TrainEvent =
  | {
      readonly kind: "started";
      /** The name of the stage and its folder. */
      readonly stage: string;
      readonly folder: string;
      /** Steps done before: 0, or where the run was left. */
      readonly step: number;
      readonly steps: number;
      /** Trained numbers. */
      readonly parameters: number;
      readonly images: number;
      readonly heldOutImages: number;
      /** What the network computes in. */
      readonly precision: Precision;
      /** Newer checkpoints, or the best, that did not read whole and were passed over. */
      readonly damaged: readonly FileError[];
    }
  | {
      readonly kind: "step";
      readonly step: number;
      readonly steps: number;
      /** The loss of each update by its name. */
      readonly losses: Readonly<Record<string, number>>;
      readonly gradientNorm: number;
      readonly learningRate: number;
      readonly imagesPerSecond: number;
      readonly secondsLeft: number;
    }
  | {
      readonly kind: "skipped";
      readonly step: number;
      readonly losses: Readonly<Record<string, number>>;
      readonly gradientNorm: number;
      readonly learningRate: number;
    }
  | ({
      readonly kind: "heldOut";
      readonly step: number;
      /** The checkpoint kept because this is the lowest loss so far; null when it is not. */
      readonly best: string | null;
    } & HeldOutResult)
  | ({ readonly kind: "advice"; readonly step: number } & Advice)
  | { readonly kind: "preview"; readonly step: number; readonly path: string }
  | { readonly kind: "checkpoint"; readonly step: number; readonly path: string }
  | { readonly kind: "interrupted"; readonly step: number; readonly path: string }
  | { readonly kind: "finished"; readonly step: number; readonly path: string; readonly seconds: number };

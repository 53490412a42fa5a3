import { learningRateAt } from "../optim/index.ts";
import type { TrainingOptions } from "./options.ts";
import type { Metrics } from "./run-folder.ts";
import { type Trend, trendOf } from "./trend.ts";

/** Finite losses before a trend is looked for; a third of them are tested. */
const LONG = 600;
/** Steps between two looks. */
const LOOK_EVERY = 100;
/** Fewest steps between two pieces of advice. */
const SILENCE = 500;

/** Said when a training loss has stopped falling. */
export interface Advice {
  readonly direction: Exclude<Trend["direction"], "falling">;
  /** Steps, the last ones, over which the loss did not fall. */
  readonly over: number;
  /** Mann–Kendall statistic of their smoothed losses. */
  readonly z: number;
  readonly hint: string;
}

/**
 * Watches the one loss of a stage; a stage whose networks work against each other has none that must fall.
 * A resumed run says what an uninterrupted one says.
 */
export class Advisor {
  private readonly training: TrainingOptions;
  private readonly losses: number[];
  private lastStep: number;

  /** @param metrics of the steps before */
  constructor(training: TrainingOptions, metrics: readonly Metrics[]) {
    this.training = training;
    this.losses = metrics.flatMap(({ losses, skipped }) =>
      losses && !skipped ? Object.values(losses as Record<string, number>) : [],
    );
    this.lastStep = metrics.findLast(({ advice }) => advice !== undefined)?.step ?? Number.NEGATIVE_INFINITY;
  }

  /** What there is to say after a step with this loss, most often nothing. */
  see(step: number, loss: number): Advice | null {
    this.losses.push(loss);
    if (step % LOOK_EVERY !== 0 || this.losses.length < LONG || step - this.lastStep < SILENCE) return null;
    const over = Math.floor(this.losses.length / 3);
    const { direction, z } = trendOf(this.losses.slice(-over));
    if (direction === "falling") return null;
    this.lastStep = step;
    return { direction, over, z, hint: hintFor(direction, step, this.training) };
  }
}

/** Fraction of the peak below which a decaying learning rate counts as used up. */
const USED_UP = 0.1;

const hintFor = (
  direction: Advice["direction"],
  step: number,
  { learningRate, steps }: TrainingOptions,
): string => {
  const { peak, decay } = learningRate;
  const now = learningRateAt(learningRate, step, steps);
  if (direction === "rising")
    return `the learning rate is likely too high: start again with learningRate.peak ${show(peak / 3)} instead of ${show(peak)}; checkpoints/best.safetensors is from before the rise if held-out loss was measured then`;
  if (decay === "constant")
    return `a constant learning rate of ${show(peak)} keeps the loss from settling: train with learningRate.decay "cosine", or with a third of the peak`;
  if (now > USED_UP * peak)
    return `the learning rate still falls from ${show(now)} to 0 until step ${steps}, and often the loss with it; if not, the next run needs a larger network or more images rather than more steps`;
  return "the learning rate is used up: look at the previews; a lower loss takes a larger network, more images or a longer run";
};

const show = (rate: number): string => String(Number(rate.toPrecision(2)));

import { join } from "node:path";
import { Streams } from "../base/index.ts";
import { Batches, type Dataset, forms, split } from "../data/index.ts";
import { encodePng, writeWhole } from "../formats/index.ts";
import type { Precision, Target } from "../lower/index.ts";
import { DropoutMasks } from "../nn/index.ts";
import {
  type FlatLayout,
  flatLayout,
  type Learner,
  learningRateAt,
  openLearner,
  packed,
} from "../optim/index.ts";
import {
  type Arrays,
  deviceOf,
  precisionOf,
  type Remote,
  type RunProfile,
  trainTarget,
} from "../runtime/index.ts";
import {
  bestCheckpointPath,
  checkpointPath,
  learnerStateOf,
  pruneCheckpoints,
  saveCheckpoint,
  weightsOf,
} from "./checkpoint.ts";
import { Clock } from "./clock.ts";
import type { HeldOutResult, TrainEvent } from "./events.ts";
import { firstBatch, heldOutMeter } from "./held-out.ts";
import type { TrainJob } from "./job.ts";
import { learnerEvaluate } from "./learner-evaluate.ts";
import { buffersOf, lowerUpdate, parametersOf, setBuffers, valuesOf } from "./program.ts";
import { type Start, savedPrecision } from "./resume.ts";
import { appendMetrics, type Metrics, type RunFolder } from "./run-folder.ts";
import type { Evaluate, Frame } from "./system.ts";

/** Steps whose metrics are written together. */
const FLUSH_EVERY = 20;

interface Opening {
  readonly folder: RunFolder;
  readonly start: Start;
  /** Measures the steps by operation; paths of files that this takes start with it. */
  readonly profile?: string;
}

interface Parts {
  readonly learner: Remote<Learner>;
  readonly layout: FlatLayout;
  readonly batches: Batches;
  readonly streams: Streams;
  /** One for each update: the masks of its program. */
  readonly dropout: readonly DropoutMasks[];
  /** What its graphs are lowered to. */
  readonly target: Target;
  readonly heldOut: Dataset;
}

type StepEvent = Extract<TrainEvent, { kind: "step" | "skipped" }>;

/** A training in progress: what it has come to, and the acts that its loop is made of. */
export class Run<S> {
  step: number;
  readonly facts: {
    readonly parameters: number;
    readonly images: number;
    readonly heldOutImages: number;
    readonly precision: Precision;
  };
  private readonly job: TrainJob<S>;
  private readonly folder: RunFolder;
  private readonly parts: Parts;
  private readonly clock: Clock;
  private readonly evaluate: Evaluate;
  private readonly meter: (() => Promise<HeldOutResult>) | null;
  /** Held-out loss of the best checkpoint. */
  private lowest: number;
  private lines: Metrics[] = [];

  private constructor(job: TrainJob<S>, folder: RunFolder, parts: Parts, { checkpoint, lowest }: Start) {
    const { stage, training } = job;
    this.job = job;
    this.folder = folder;
    this.parts = parts;
    this.lowest = lowest;
    this.step = checkpoint?.header.step ?? 0;
    this.clock = new Clock(checkpoint?.header.seconds ?? 0);
    this.evaluate = learnerEvaluate(parts.learner, { networks: stage.networks, target: parts.target });
    const heldOutImages = parts.heldOut.images.shape[0] ?? 0;
    this.facts = {
      parameters: parts.layout.size,
      images: (job.dataset.images.shape[0] ?? 0) - heldOutImages,
      heldOutImages,
      precision: precisionOf(parts.target),
    };
    const { evaluate } = this;
    const measured = { dataset: parts.heldOut, seed: training.seed, evaluate, earlier: job.earlier ?? {} };
    this.meter = stage.heldOut && heldOutImages > 0 ? heldOutMeter(stage.heldOut, measured) : null;
  }

  static async open<S>(job: TrainJob<S>, { folder, start, profile }: Opening): Promise<Run<S>> {
    const { stage, training, dataset, threads, earlier = {} } = job;
    const { checkpoint } = start;
    const header = checkpoint?.header ?? null;
    const streams = header ? Streams.restore(training.seed, header.streams) : new Streams(training.seed);
    const parts = split(dataset, training.heldOut, new Streams(training.seed).get("held-out images"));
    const batches = new Batches({
      dataset: parts.train,
      batch: training.batch,
      flip: training.flip,
      order: streams.get("data order"),
      flips: streams.get("flips"),
      crops: streams.get("crops"),
      ...(header && { state: header.batches }),
    });
    if (!checkpoint) await stage.prepare?.(firstBatch(parts.train, training.batch), streams, earlier);
    else setBuffers(stage.networks, weightsOf(checkpoint, "buffer"));
    const parameters = parametersOf(stage.networks);
    const layout = flatLayout(parameters);
    const dropout = stage.updates.map(() => new DropoutMasks());
    const target = await trainTarget(job.backend, checkpoint ? savedPrecision(checkpoint) : job.precision);
    const learner = await openLearner({
      layout,
      updates: stage.updates.map((update, i) => ({
        model: lowerUpdate(update, {
          networks: stage.networks,
          batch: training.batch,
          dropout: dropout[i] as DropoutMasks,
          target,
        }),
        entries: entriesOf(layout, update.trains),
        optimizer: update.optimizer ?? training.optimizer,
        clip: training.clip,
      })),
      emaDecay: training.ema,
      state: checkpoint
        ? learnerStateOf(checkpoint, layout)
        : { parameters: packed(layout, valuesOf(parameters)) },
      ...(threads ? { threads } : {}),
      device: deviceOf(job.backend),
      ...(profile !== undefined && { profile }),
    });
    return new Run(
      job,
      folder,
      { learner, layout, batches, streams, dropout, target, heldOut: parts.heldOut },
      start,
    );
  }

  get seconds(): number {
    return this.clock.seconds;
  }

  /** One training step, written down in the metrics. */
  async advance(): Promise<StepEvent> {
    const event = await this.tryStep();
    const { kind, step, losses, gradientNorm, learningRate } = event;
    const { seconds } = this;
    await this.record({ step, losses, gradientNorm, learningRate, seconds, skipped: kind === "skipped" });
    return event;
  }

  /** One training step, of which nothing is written: every update, each with its own batches. */
  async tryStep(): Promise<StepEvent> {
    const { training, stage } = this.job;
    const { steps, batch, accumulate } = training;
    this.clock.start();
    const rateOf = (spec = training.learningRate) => learningRateAt(spec, this.step, steps);
    const learningRate = rateOf();
    const losses: Record<string, number> = {};
    let gradientNorm = 0;
    let failed = false;
    for (const [index, update] of stage.updates.entries()) {
      const feeds: Arrays[] = [];
      for (let k = 0; k < accumulate; k++) feeds.push(await this.draw(index));
      const result = await this.parts.learner.call("step", {
        update: index,
        feeds,
        learningRate: rateOf(update.learningRate),
      });
      losses[update.name] = result.loss;
      gradientNorm = Math.max(gradientNorm, result.gradientNorm);
      failed ||= !result.applied;
      for (const [k, each] of result.losses?.entries() ?? []) update.seen?.(feeds[k] as Arrays, each);
    }
    this.step += 1;
    const secondsPerStep = this.clock.lap();
    const facts = { step: this.step, losses, gradientNorm, learningRate };
    if (failed) return { kind: "skipped", ...facts };
    return {
      kind: "step",
      ...facts,
      steps,
      imagesPerSecond: (batch * accumulate) / secondsPerStep,
      secondsLeft: (steps - this.step) * secondsPerStep,
    };
  }

  /** The loss on held-out images, where the stage defines one; the lowest so far keeps its checkpoint. */
  async *measure(): AsyncGenerator<TrainEvent, void> {
    if (!this.meter) return;
    const result = await this.meter();
    await this.record({ step: this.step, heldOut: result });
    yield { kind: "heldOut", step: this.step, best: await this.saveIfBest(result.mean), ...result };
  }

  /** Images from the moving average of the weights, the same seeds each time; their classes take turns. */
  async *preview(): AsyncGenerator<TrainEvent, void> {
    const { stage, sampling, training, dataset, earlier = {} } = this.job;
    const classes = stage.conditional ? dataset.classes?.length : undefined;
    const { preview: count, draw } = forms[dataset.form];
    const labels = classes ? Array.from({ length: count }, (_, k) => k % classes) : undefined;
    const request = { seed: training.seed, count, labels, sampling };
    let last: Frame | undefined;
    for await (const frame of stage.generate(request, this.evaluate, earlier)) last = frame;
    if (!last) return;
    const path = join(this.folder.previews, `${String(this.step).padStart(7, "0")}.png`);
    const columns = Math.min(classes ?? 5, 10);
    await writeWhole(path, await encodePng(await draw(last.x, { columns, scale: 1 })));
    yield { kind: "preview", step: this.step, path };
  }

  /** Writes a checkpoint and everything that belongs before it; returns its path. */
  async save(): Promise<string> {
    const path = checkpointPath(this.folder.checkpoints, this.step);
    await this.write(path);
    await pruneCheckpoints(this.folder.checkpoints, this.job.training.keep);
    return path;
  }

  /** Adds a line to the metrics; a few are written together. */
  async record(line: Metrics): Promise<void> {
    this.lines.push(line);
    if (this.lines.length >= FLUSH_EVERY) await this.flush();
  }

  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.discard();
    }
  }

  /** Closes the sessions; gives what each run of each update took, if they were opened with `profile`. */
  closeSessions(): Promise<readonly (readonly RunProfile[])[]> {
    return this.parts.learner.call("close");
  }

  /** Ends the run without writing what it has not written yet. */
  async discard(): Promise<void> {
    await this.parts.learner.terminate();
  }

  /** The feeds of one micro-batch of an update. */
  private async draw(index: number): Promise<Arrays> {
    const { batches, streams, dropout } = this.parts;
    const { stage, earlier = {} } = this.job;
    const feeds = await stage.updates[index]?.draw(batches.next(), streams, earlier);
    return { ...feeds, ...dropout[index]?.draw(streams.get("dropout")) };
  }

  private async saveIfBest(heldOut: number): Promise<string | null> {
    if (!(heldOut < this.lowest)) return null;
    const path = bestCheckpointPath(this.folder.checkpoints);
    await this.write(path, { heldOut });
    this.lowest = heldOut;
    return path;
  }

  private async write(path: string, more: { readonly heldOut?: number } = {}): Promise<void> {
    const { stage, recipe, dataset } = this.job;
    const { learner, layout, batches, streams } = this.parts;
    await this.flush();
    const state = await learner.call("state");
    const header = {
      recipe,
      stage: stage.name,
      step: this.step,
      updateSteps: state.steps,
      seconds: this.seconds,
      streams: streams.state,
      batches: batches.state,
      form: dataset.form,
      image: dataset.images.shape.slice(1) as [number, number, number],
      classes: dataset.classes,
      fingerprint: dataset.fingerprint,
      precision: this.facts.precision,
      ...more,
    };
    await saveCheckpoint(path, header, { layout, state, buffers: valuesOf(buffersOf(stage.networks)) });
  }

  private async flush(): Promise<void> {
    const lines = this.lines;
    this.lines = [];
    if (lines.length) await appendMetrics(this.folder, lines);
  }
}

/** The range of layout entries that belong to the named networks, which lie side by side. */
const entriesOf = ({ entries }: FlatLayout, networks: readonly string[]): [number, number] => {
  const mine = entries.map(({ name }) => networks.some((network) => name.startsWith(`${network}.`)));
  return [mine.indexOf(true), mine.lastIndexOf(true) + 1];
};

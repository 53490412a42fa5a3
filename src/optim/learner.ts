import { host } from "#host";
import {
  type Arrays,
  Remote,
  type RunProfile,
  type Session,
  type SessionOptions,
  workerModule,
} from "../runtime/index.ts";
import { emaDecay } from "./ema.ts";
import { EngineMemory } from "./engine-memory.ts";
import { type FlatLayout, viewsOf } from "./flat-layout.ts";
import type { FlatMemory } from "./flat-memory.ts";
import { clipFactor, sumOfSquares } from "./gradient-norm.ts";
import { applyUpdate, type OptimizerSpec, slotNames } from "./update-rule.ts";
import { WasmMemory } from "./wasm-memory.ts";

/** One optimisation: a model that gives `loss`, `gradient.<name>` for each parameter of its group, and perhaps `losses`. */
export interface UpdateSpec {
  readonly model: Uint8Array;
  /** Indices [start, end) of the layout's entries that it trains. */
  readonly entries: readonly [start: number, end: number];
  readonly optimizer: OptimizerSpec;
  /** Largest global gradient norm; none when null. */
  readonly clip: number | null;
}

/** Everything that changes in training, as flat buffers over the layout. */
export interface LearnerState {
  readonly parameters: Float32Array;
  readonly ema: Float32Array;
  /** Optimizer buffers, e.g. Adam's m and v, each over the whole layout. */
  readonly slots: Readonly<Record<string, Float32Array>>;
  /** Optimizer steps done by each update. */
  readonly steps: readonly number[];
}

export interface LearnerInit extends Pick<SessionOptions, "threads" | "device"> {
  readonly layout: FlatLayout;
  readonly updates: readonly UpdateSpec[];
  readonly emaDecay: number;
  /** Parameters alone start a run; a whole state continues one. */
  readonly state: Pick<LearnerState, "parameters"> & Partial<LearnerState>;
  /** Measures each update's session, with `<profile>.<index>` as its own. */
  readonly profile?: string;
}

export interface StepRequest {
  /** Index of the update. */
  readonly update: number;
  /** One feed a micro-batch; their gradients are averaged. */
  readonly feeds: readonly Arrays[];
  readonly learningRate: number;
}

export interface StepResult {
  readonly loss: number;
  /** The loss of every sample, [n] for each micro-batch, where the model gives it. */
  readonly losses?: readonly Float32Array[];
  readonly gradientNorm: number;
  /** False when the loss or a gradient was NaN or infinite: nothing was changed. */
  readonly applied: boolean;
}

/**
 * Owns the parameters, their moving average and the optimizer's buffers, and the sessions that use them.
 * Lives in a worker; its methods are what the owner may ask for.
 */
export class Learner {
  private readonly layout: FlatLayout;
  private readonly updates: readonly UpdateSpec[];
  private readonly emaDecay: number;
  /** Of every session. */
  private readonly place: SessionOptions;
  private readonly memory: FlatMemory;
  private readonly parameters: Float32Array;
  private readonly gradients: Float32Array;
  private readonly ema: Float32Array;
  private readonly slots: Readonly<Record<string, Float32Array>>;
  private readonly steps: number[];
  private readonly sessions: readonly Session[];
  private readonly programs = new Map<string, Session>();

  private constructor(init: LearnerInit, sessions: readonly Session[]) {
    const { layout, updates, state, emaDecay } = init;
    this.layout = layout;
    this.updates = updates;
    this.emaDecay = emaDecay;
    this.place = placeOf(init);
    this.sessions = sessions;
    const names = [...new Set(updates.flatMap(({ optimizer }) => slotNames(optimizer)))];
    const size = { count: 3 + names.length, size: layout.size };
    const pass = sessions[0]?.pass;
    this.memory = pass ? new EngineMemory(pass, size) : new WasmMemory(size);
    const [parameters, gradients, ema, ...slots] = this.memory.buffers;
    this.parameters = parameters as Float32Array;
    this.gradients = gradients as Float32Array;
    this.ema = ema as Float32Array;
    this.slots = Object.fromEntries(names.map((name, i) => [name, slots[i] as Float32Array]));
    this.steps = [...(state.steps ?? updates.map(() => 0))];
    this.parameters.set(state.parameters);
    this.ema.set(state.ema ?? state.parameters);
    for (const [name, slot] of Object.entries(this.slots)) slot.set(state.slots?.[name] ?? []);
  }

  static async open(init: LearnerInit): Promise<Learner> {
    const { profile } = init;
    const sessions = init.updates.map(({ model }, index) =>
      host.openSession(model, {
        ...placeOf(init),
        ...(profile !== undefined && { profile: `${profile}.${index}` }),
      }),
    );
    return new Learner(init, await Promise.all(sessions));
  }

  /** Loss and gradients over the micro-batches, then one optimizer step, unless a number is not finite. */
  async step({ update, feeds, learningRate }: StepRequest): Promise<StepResult> {
    const { optimizer, clip, entries } = this.updates[update] as UpdateSpec;
    const share = 1 / feeds.length;
    const own = (buffer: Float32Array) => buffer.subarray(...this.range(entries));
    let loss = 0;
    const losses: Float32Array[] = [];
    for (const [index, feed] of feeds.entries()) {
      const found = await this.accumulate(update, feed, index === 0);
      loss += share * found.loss;
      if (found.losses) losses.push(found.losses);
    }
    const gradientNorm = share * Math.sqrt(await sumOfSquares(this.memory, own(this.gradients)));
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm))
      return { loss, gradientNorm, applied: false };
    const step = (this.steps[update] as number) + 1;
    this.steps[update] = step;
    const next = {
      parameters: own(this.parameters),
      gradients: own(this.gradients),
      ema: own(this.ema),
      slots: slotNames(optimizer).map((name) => own(this.slots[name] as Float32Array)),
      gradientScale: clip === null ? share : share * clipFactor(gradientNorm, clip),
      learningRate,
      emaDecay: emaDecay(this.emaDecay, step),
      step,
    };
    await applyUpdate(optimizer, next, this.memory);
    return { loss, gradientNorm, applied: true, ...(losses.length && { losses }) };
  }

  /** Loads a model whose inputs are the parameters by name and what `run` feeds it. */
  async load(name: string, model: Uint8Array): Promise<void> {
    this.programs.set(name, await host.openSession(model, this.place));
  }

  /** Runs a loaded model with the moving average of the parameters. */
  async run(name: string, feeds: Arrays): Promise<Arrays> {
    const program = this.programs.get(name);
    if (!program) throw new Error(`Learner.run: "${name}" was not loaded`);
    return program.run({ ...viewsOf(this.layout, this.ema), ...feeds });
  }

  /** A copy of everything that a checkpoint holds. */
  async state(): Promise<LearnerState> {
    return {
      parameters: this.parameters.slice(),
      ema: this.ema.slice(),
      slots: Object.fromEntries(Object.entries(this.slots).map(([name, slot]) => [name, slot.slice()])),
      steps: [...this.steps],
    };
  }

  /** Gives what each run of each update's session took, if they were opened with `profile`. */
  async close(): Promise<readonly (readonly RunProfile[])[]> {
    for (const program of this.programs.values()) await program.close();
    return Promise.all(this.sessions.map((session) => session.close()));
  }

  /** Adds one micro-batch's gradients to those of the ones before, if it is not the first. Gives its loss, and losses. */
  private async accumulate(
    update: number,
    feed: Arrays,
    first: boolean,
  ): Promise<{ loss: number; losses: Float32Array | undefined }> {
    const weights = viewsOf(this.layout, this.parameters);
    const views = viewsOf(this.layout, this.gradients);
    const named = Object.entries(views).map(([name, view]) => [`gradient.${name}`, view] as const);
    const into = first ? Object.fromEntries(named) : {};
    const outputs = await (this.sessions[update] as Session).run({ ...weights, ...feed }, into);
    const [start, end] = (this.updates[update] as UpdateSpec).entries;
    for (const { name } of this.layout.entries.slice(start, end)) {
      const gradient = outputs[`gradient.${name}`]?.data as Float32Array;
      const sum = views[name]?.data as Float32Array;
      if (first) {
        if (gradient !== sum) sum.set(gradient);
      } else for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (gradient[i] as number);
    }
    const losses = outputs.losses?.data as Float32Array | undefined;
    return { loss: outputs.loss?.data[0] as number, losses: losses?.slice() };
  }

  private range([first, last]: UpdateSpec["entries"]): [start: number, end: number] {
    const offset = (index: number) => this.layout.entries[index]?.offset ?? this.layout.size;
    return [offset(first), offset(last)];
  }
}

const placeOf = ({ threads, device }: LearnerInit): SessionOptions => ({
  ...(threads && { threads }),
  ...(device && { device }),
});

/** A learner in a worker of its own. */
export const openLearner = (init: LearnerInit): Promise<Remote<Learner>> =>
  Remote.open<Learner>(workerModule("learner-worker", import.meta.url), init);

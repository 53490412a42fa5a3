import { createRequire } from "node:module";
import { NDArray, type PlainArray, sizeOf } from "../base/index.ts";
import { type Plan, stepsOf } from "../lower/index.ts";
import {
  type Arrays,
  type NativeEngine,
  nativeMissing,
  type RunProfile,
  type Session,
  type SessionOptions,
} from "./session.ts";

/** What native/addon.cc offers. */
interface Addon {
  open(words: Int32Array, constants: readonly PlainArray["data"][], threads: number): OpenPlan;
  map(descriptor: number, offset: number, length: number): Uint8Array<ArrayBuffer> | null;
  info(): NativeEngine;
}
interface OpenPlan {
  run(feeds: readonly PlainArray["data"][], outputs: readonly PlainArray["data"][]): Promise<void>;
  pass(kernel: string, ranges: readonly Float32Array[], constants: readonly number[]): Promise<number>;
  /** What each step has taken in all runs; between runs only. */
  seconds(): Float64Array;
  close(): void;
}

/** The addon as `npm run build:native` leaves it; null where it was not built, or does not load. */
const load = (): Addon | null => {
  try {
    return createRequire(import.meta.url)("../../native/undiffuse.node") as Addon;
  } catch {
    return null;
  }
};
let loaded: Addon | null | undefined;
const addon = (): Addon | null => {
  if (loaded === undefined) loaded = load();
  return loaded;
};

export const nativeEngine = (): NativeEngine | null => addon()?.info() ?? null;

/** As {@link Host.mapFile}: null without the engine, which has the way to do it. */
export const mapFile = (descriptor: number, offset: number, length: number): Uint8Array<ArrayBuffer> | null =>
  addon()?.map(descriptor, offset, length) ?? null;

/** @throws ArgumentError where the native engine was not built */
export const openPlan = (
  plan: Plan,
  { threads, profile, held = {} }: SessionOptions & { readonly threads: number },
): Session => {
  const engine = addon();
  if (!engine) throw nativeMissing();
  const constants = plan.constants.map((each) =>
    typeof each === "string" ? (held[each] as PlainArray).data : each,
  );
  const opened = engine.open(plan.words, constants, threads);
  const watch = profile === undefined ? null : new Watch(opened, plan);
  return {
    async run(feeds: Arrays, into: Arrays = {}) {
      const results = plan.outputs.map(({ name, dtype, shape }): PlainArray => {
        const place = into[name];
        return place?.data.length === sizeOf(shape) ? place : NDArray.zeros(shape, dtype);
      });
      const before = performance.now();
      await opened.run(
        plan.feeds.map(({ name }) => (feeds[name] as PlainArray).data),
        results.map(({ data }) => data),
      );
      watch?.see(performance.now() - before);
      return Object.fromEntries(plan.outputs.map(({ name }, i) => [name, results[i] as PlainArray]));
    },
    pass: (kernel, ranges, constants) => opened.pass(kernel, ranges, constants),
    async close() {
      opened.close();
      return watch?.runs ?? [];
    },
  };
};

/** Keeps what each run of a plan took. */
class Watch {
  readonly runs: RunProfile[] = [];
  readonly #plan: OpenPlan;
  readonly #steps: ReturnType<typeof stepsOf>;
  #before: Float64Array;

  constructor(opened: OpenPlan, plan: Plan) {
    this.#plan = opened;
    this.#steps = stepsOf(plan);
    this.#before = opened.seconds();
  }

  /** The run that has just ended. */
  see(ms: number): void {
    const now = this.#plan.seconds();
    const operations = this.#steps.map(({ name, flop }, i) => ({
      name,
      flop,
      ms: 1000 * ((now[i] as number) - (this.#before[i] as number)),
    }));
    this.runs.push({ ms, operations });
    this.#before = now;
  }
}

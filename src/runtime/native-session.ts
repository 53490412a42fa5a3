import { createRequire } from "node:module";
import { NDArray, type PlainArray, sizeOf } from "../base/index.ts";
import type { Plan } from "../lower/index.ts";
import { type Arrays, type NativeEngine, nativeMissing, type Session } from "./session.ts";

/** What native/addon.cc offers. */
interface Addon {
  open(words: Int32Array, constants: Uint8Array, threads: number): OpenPlan;
  info(): NativeEngine;
}
interface OpenPlan {
  run(feeds: readonly PlainArray["data"][], outputs: readonly PlainArray["data"][]): Promise<void>;
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

/** @throws ArgumentError where the native engine was not built */
export const openPlan = (plan: Plan, threads: number): Session => {
  const engine = addon();
  if (!engine) throw nativeMissing();
  const opened = engine.open(plan.words, plan.constants, threads);
  return {
    async run(feeds: Arrays, into: Arrays = {}) {
      const results = plan.outputs.map(({ name, dtype, shape }): PlainArray => {
        const place = into[name];
        return place?.data.length === sizeOf(shape) ? place : NDArray.zeros(shape, dtype);
      });
      await opened.run(
        plan.feeds.map(({ name }) => (feeds[name] as PlainArray).data),
        results.map(({ data }) => data),
      );
      return Object.fromEntries(plan.outputs.map(({ name }, i) => [name, results[i] as PlainArray]));
    },
    close: async () => opened.close(),
  };
};

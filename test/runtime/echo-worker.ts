import {
  ArgumentError,
  FileError,
  NonFiniteError,
  ShapeError,
  UndiffuseError,
} from "../../src/base/index.ts";
import { serve } from "../../src/runtime/index.ts";

const complaint = { who: "w", expected: "e", got: "g", hint: "h" };
class OwnError extends UndiffuseError {}

const errors: Readonly<Record<string, () => unknown>> = {
  ArgumentError: () => new ArgumentError(complaint),
  ShapeError: () => new ShapeError(complaint),
  NonFiniteError: () => new NonFiniteError(complaint),
  UndiffuseError: () => new UndiffuseError(complaint),
  FileError: () => new FileError("/a.png", { expected: "e", got: "g" }),
  OwnError: () => new OwnError(complaint),
  TypeError: () => new TypeError("plain"),
  uncloneable: () => Object.assign(new Error("with a function"), { f: () => 1 }),
  string: () => "thrown text",
};

let calls = 0;
const service = {
  echo: async <T>(value: T): Promise<T> => value,
  fail: async (kind: string): Promise<void> => {
    throw errors[kind]?.();
  },
  /** Waits, then says which call this was: calls are answered one after the other. */
  wait: async (ms: number): Promise<number> => {
    const mine = calls++;
    await new Promise((resolve) => setTimeout(resolve, ms));
    if (calls !== mine + 1) throw new Error("another call ran in between");
    return mine;
  },
  exit: async (code: number): Promise<void> => process.exit(code),
};
export type Echo = typeof service;

serve(async ({ refuse }: { refuse?: string }) => {
  if (refuse) throw errors[refuse]?.();
  return service;
});

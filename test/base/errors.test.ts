import { expect, test } from "vitest";
import {
  ArgumentError,
  assertNever,
  FileError,
  NonFiniteError,
  ShapeError,
  UndiffuseError,
} from "../../src/base/index.ts";

test("a message says who, what was expected and what came", () => {
  const error = new ArgumentError({ who: "steps", expected: "1 or more", got: "0" });
  expect(error.message).toBe("steps: expected 1 or more, got 0");
  expect(error.hint).toBeUndefined();
});

test("a hint follows on a line of its own", () => {
  const error = new ShapeError({ who: "add", expected: "a", got: "b", hint: "try c" });
  expect(error.message).toBe("add: expected a, got b\n  hint: try c");
});

test.each([ArgumentError, ShapeError, NonFiniteError])("%o carries its name and its fields", (kind) => {
  const error = new kind({ who: "w", expected: "e", got: "g", hint: "h" });
  expect(error).toBeInstanceOf(UndiffuseError);
  expect(error.name).toBe(kind.name);
  expect({ ...error }).toMatchObject({ who: "w", expected: "e", got: "g", hint: "h" });
});

test("a file error speaks as its path and keeps the cause", () => {
  const cause = new Error("EACCES");
  const error = new FileError("/a/b.png", { expected: "a PNG file", got: "4 bytes" }, { cause });
  expect(error.message).toBe("/a/b.png: expected a PNG file, got 4 bytes");
  expect([error.path, error.who, error.cause]).toEqual(["/a/b.png", "/a/b.png", cause]);
});

test("a case that was forgotten is shown", () => {
  expect(() => assertNever({ kind: "new" } as never)).toThrow('unreachable: {"kind":"new"}');
});

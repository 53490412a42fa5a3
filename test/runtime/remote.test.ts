import type { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ArgumentError,
  FileError,
  NonFiniteError,
  ShapeError,
  UndiffuseError,
} from "../../src/base/index.ts";
import { Remote } from "../../src/runtime/index.ts";
import type { Echo } from "./echo-worker.ts";

const url = new URL("./echo-worker.ts", import.meta.url);
const open = (init: { refuse?: string } = {}) => Remote.open<Echo>(url, init);

/** What a promise is rejected with. */
const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => expect.unreachable("it was fulfilled"),
    (error) => error,
  );

describe("a service in a worker", () => {
  let remote: Remote<Echo>;
  beforeAll(async () => {
    remote = await open();
  });
  afterAll(() => remote.terminate());

  test("answers with plain data, arrays included", async () => {
    const value = { a: [1, "two", null], b: Float32Array.of(1, 2), c: { d: Int32Array.of(3) } };
    expect(await remote.call("echo", value)).toEqual(value);
  });

  test("gets copies: the caller keeps its buffers", async () => {
    const data = Float32Array.of(1, 2);
    await remote.call("echo", data);
    expect([...data]).toEqual([1, 2]);
  });

  test("answers one call after the other, in order", async () => {
    const first = await remote.call("wait", 0);
    const rest = await Promise.all([20, 5, 0].map((ms) => remote.call("wait", ms)));
    expect(rest).toEqual([first + 1, first + 2, first + 3]);
  });

  test.each([
    ["ArgumentError", ArgumentError],
    ["ShapeError", ShapeError],
    ["NonFiniteError", NonFiniteError],
    ["UndiffuseError", UndiffuseError],
    ["OwnError", UndiffuseError],
  ] as const)("sends a %s with its class and fields", async (kind, expected) => {
    const error = await rejection(remote.call("fail", kind));
    expect(error).toBeInstanceOf(expected);
    expect(error).toMatchObject({ who: "w", expected: "e", got: "g", hint: "h", name: expected.name });
    expect((error as Error).message).toBe("w: expected e, got g\n  hint: h");
  });

  test("sends a FileError with its path", async () => {
    const error = await rejection(remote.call("fail", "FileError"));
    expect(error).toBeInstanceOf(FileError);
    expect(error).toMatchObject({ path: "/a.png", who: "/a.png", message: "/a.png: expected e, got g" });
  });

  test("sends any other error by name, message and stack", async () => {
    const error = await rejection(remote.call("fail", "TypeError"));
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: "TypeError", message: "plain" });
    expect((error as Error).stack).toContain("echo-worker");
  });

  test.each([
    ["uncloneable", "with a function"],
    ["string", "thrown text"],
  ])("survives an odd error: %s", async (kind, message) => {
    expect(await rejection(remote.call("fail", kind))).toMatchObject({ message });
    expect(await remote.call("echo", 1)).toBe(1);
  });

  test("refuses what cannot cross the border and goes on", async () => {
    expect(await rejection(remote.call("echo", () => 1))).toMatchObject({ name: "DataCloneError" });
    expect(await remote.call("echo", 2)).toBe(2);
  });
});

describe("ends", () => {
  /** The workers that `act` starts. */
  const startedBy = async (act: () => Promise<unknown>): Promise<Worker[]> => {
    const started: Worker[] = [];
    const listener = (worker: Worker) => started.push(worker);
    process.on("worker", listener);
    await act();
    process.off("worker", listener);
    return started;
  };

  test("a failed open rejects with the error and leaves no worker", async () => {
    const workers = await startedBy(async () => {
      expect(await rejection(open({ refuse: "ArgumentError" }))).toBeInstanceOf(ArgumentError);
    });
    // an ended worker has thread id -1
    expect(workers.map(({ threadId }) => threadId)).toEqual([-1]);
  });

  test("a module that does not load rejects and leaves no worker", async () => {
    const missing = new URL("./no-such-worker.ts", import.meta.url);
    const workers = await startedBy(async () => {
      expect(await rejection(Remote.open<Echo>(missing, {}))).toMatchObject({
        message: expect.stringContaining("no-such-worker"),
      });
    });
    expect(workers.map(({ threadId }) => threadId)).toEqual([-1]);
  });

  test("a worker that ends by itself rejects what waits and what comes later", async () => {
    const remote = await open();
    const waiting = [rejection(remote.call("exit", 3)), rejection(remote.call("echo", 1))];
    const message = "the worker ended with code 3";
    expect(await Promise.all(waiting)).toMatchObject([{ message }, { message }]);
    expect(await rejection(remote.call("echo", 1))).toMatchObject({ message });
    await remote.terminate();
  });

  test("terminating rejects what waits and what comes later", async () => {
    const remote = await open();
    const waiting = rejection(remote.call("wait", 10_000));
    await remote.terminate();
    expect(await waiting).toMatchObject({ message: "the worker was terminated" });
    expect(await rejection(remote.call("echo", 1))).toMatchObject({ message: "the worker was terminated" });
  });
});

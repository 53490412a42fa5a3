// A peer is a Python process that reads its set-up as a line of JSON, answers with facts about itself, and
// then answers each line with the milliseconds of one turn.
import { spawn } from "node:child_process";
import { cpus } from "node:os";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { parseAs } from "../src/base/index.ts";
import { backendNames, precisionNames } from "../src/runtime/index.ts";

export const THREADS = 2;
/** What runs ours: BACKEND of the environment, one of --backend's. */
export const backend = parseAs(z.enum(backendNames), process.env.BACKEND ?? "onnx", {
  who: "BACKEND",
  expected: backendNames.join(", "),
});
/** What ours computes in: PRECISION of the environment, one of --precision's. */
export const precision = parseAs(z.enum(precisionNames), process.env.PRECISION ?? "fp32", {
  who: "PRECISION",
  expected: precisionNames.join(", "),
});

export interface Peer {
  /** JSON. */
  readonly facts: string;
  turn(name?: string): Promise<number>;
  close(): void;
}

export const openPeer = async (script: string, setup: object): Promise<Peer> => {
  const path = fileURLToPath(new URL(`./peers/${script}`, import.meta.url));
  const child = spawn(process.env.PYTHON ?? "python3", [path], { stdio: ["pipe", "pipe", "inherit"] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (line: string): Promise<string> => {
    child.stdin.write(`${line}\n`);
    const { value, done } = await answers.next();
    if (done) throw new Error("the peer ended; is PYTHON an environment with bench/peers/requirements.txt?");
    return value;
  };
  const facts = await ask(JSON.stringify({ threads: THREADS, seed: 0, ...setup }));
  return { facts, turn: async (name = "") => Number(await ask(name)), close: () => child.stdin.end() };
};

/** Milliseconds that a contender's threads may go on spinning after its turn: OpenMP's do for some. */
const SETTLING = 100;

/** A turn that no thread of the one before runs beside. */
export const alone = async (turn: () => Promise<number>): Promise<number> => {
  await pause(SETTLING);
  return turn();
};

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;

/** Median of a/b over rounds in which both were measured one after the other. */
export const ratio = (a: readonly number[], b: readonly number[]): number =>
  median(a.map((value, i) => value / (b[i] as number)));

export const machine = (): string =>
  `${cpus()[0]?.model}, ${THREADS} threads, Node.js ${process.version}, ${new Date().toISOString()}`;

import { describe, expect, test } from "vitest";
import type { NDArray } from "../../src/base/index.ts";
import type { Target } from "../../src/lower/index.ts";
import { compile, type Device } from "../../src/runtime/index.ts";
import type { Graph } from "../../src/tensor/index.ts";
import { relativeDifference } from "../tensor/compare.ts";
import { interpret, toDoubles } from "../tensor/reference.ts";
import type { Program } from "./programs.ts";

/** float32 kernels against float64 loops: a few dozen roundings of 6e-8. */
export const FLOAT32 = 2e-5;
/** A few roundings to eight bits, 4e-3 at most each. */
export const BFLOAT16 = 2e-2;

/** All programs as one graph. */
export const graphOf = (programs: readonly Program[]): Graph => ({
  inputs: new Map(leavesOf(programs).map(([leaf], i) => [`in${i}`, leaf])),
  outputs: new Map(
    programs.flatMap(({ outputs }, i) => outputs.map((node, j) => [`out${i}.${j}`, node] as const)),
  ),
});

const leavesOf = (programs: readonly Program[]) => programs.flatMap(({ values }) => [...values]);

/** All programs as one graph and one run, which costs one session. */
export const runTogether = async (
  programs: readonly Program[],
  target: Target,
  device: Device = "cpu",
): Promise<NDArray[][]> => {
  const run = await compile(graphOf(programs), { target, device, worker: false, threads: 2 });
  const results = await run(Object.fromEntries(leavesOf(programs).map(([, value], i) => [`in${i}`, value])));
  await run.close();
  return programs.map(({ outputs }, i) => outputs.map((_, j) => results[`out${i}.${j}`] as NDArray));
};

/** The largest relative difference of a program's results from plain loops; infinite where a dtype differs. */
export const differenceOf = ({ outputs, values }: Program, got: readonly NDArray[]): number => {
  const leaves = new Map([...values].map(([leaf, value]) => [leaf, toDoubles(value)] as const));
  const differences = interpret(outputs, leaves).map((expected, j) =>
    got[j]?.dtype === outputs[j]?.dtype ? relativeDifference(got[j] as NDArray, expected) : Infinity,
  );
  return Math.max(0, ...differences);
};

/** Every program's numbers on a target are those of plain loops. */
export const describeTogether = (
  title: string,
  target: Target,
  programs: readonly Program[],
  tolerance = FLOAT32,
): void => {
  describe(title, async () => {
    const results = await runTogether(programs, target);
    test.each(programs.map((program, i) => ({ ...program, got: results[i] as NDArray[] })))(
      "$title",
      ({ got, ...program }) => expect(differenceOf(program, got)).toBeLessThan(tolerance),
    );
  });
};

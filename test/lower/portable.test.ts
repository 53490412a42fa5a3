import { describe, expect, test } from "vitest";
import { Generator, type NDArray } from "../../src/base/index.ts";
import { portable } from "../../src/lower/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { type Graph, input, type OpName, type Tensor, vjp } from "../../src/tensor/index.ts";
import { allCases, cases } from "../tensor/cases.ts";
import { relativeDifference } from "../tensor/compare.ts";
import { interpret, references, toDoubles } from "../tensor/reference.ts";

// float32 kernels against float64 loops: a few dozen roundings of 6e-8.
const tolerance = 2e-5;

interface Program {
  readonly title: string;
  readonly outputs: readonly Tensor[];
  readonly values: ReadonlyMap<Tensor<"input">, NDArray>;
}

/** All programs as one graph and one run, which costs one session. */
const runTogether = async (programs: readonly Program[]): Promise<NDArray[][]> => {
  const leaves = programs.flatMap(({ values }) => [...values]);
  const graph: Graph = {
    inputs: new Map(leaves.map(([leaf], i) => [`in${i}`, leaf])),
    outputs: new Map(
      programs.flatMap(({ outputs }, i) => outputs.map((node, j) => [`out${i}.${j}`, node] as const)),
    ),
  };
  const run = await compile(graph, { target: portable, worker: false, threads: 1 });
  const results = await run(Object.fromEntries(leaves.map(([, value], i) => [`in${i}`, value])));
  await run.close();
  return programs.map(({ outputs }, i) => outputs.map((_, j) => results[`out${i}.${j}`] as NDArray));
};

/** The gradients of a case in its float32 inputs, for a random gradient in its result. */
const gradientProgram = ({ title, node, values }: (typeof allCases)[number], i: number): Program => {
  const dy = input(node.shape);
  const floats = [...values.keys()].filter(({ dtype }) => dtype === "float32");
  return {
    title,
    outputs: vjp(node, floats, dy),
    values: new Map([...values, [dy, new Generator(1000 + i).normal(node.shape)]]),
  };
};

const expectReference = ({ outputs, values }: Program, got: readonly NDArray[]): void => {
  const leaves = new Map([...values].map(([leaf, value]) => [leaf, toDoubles(value)] as const));
  interpret(outputs, leaves).forEach((expected, j) => {
    expect(got[j]?.dtype).toBe(outputs[j]?.dtype);
    expect(relativeDifference(got[j] as NDArray, expected)).toBeLessThan(tolerance);
  });
};

const describeTogether = (title: string, programs: readonly Program[]): void => {
  describe(title, async () => {
    const results = await runTogether(programs);
    test.each(programs.map((program, i) => ({ ...program, got: results[i] as NDArray[] })))(
      "$title",
      ({ got, ...program }) => expectReference(program, got),
    );
  });
};

test("every operation but the input has cases", () => {
  const without = (Object.keys(references) as OpName[]).filter((op) => cases[op].length === 0);
  expect(without).toEqual(["input"]);
});

describeTogether(
  "onnxruntime computes what the plain loops do",
  allCases.map(({ title, node, values }) => ({ title, outputs: [node], values })),
);

describeTogether(
  "onnxruntime computes the gradients that the plain loops do",
  allCases.filter(({ node }) => node.dtype === "float32" && node.inputs.length > 0).map(gradientProgram),
);

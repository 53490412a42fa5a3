import { expect, test } from "vitest";
import { runsOf } from "../../src/runtime/ort-profile.ts";

const node = (op_name: string, ts: number, inputs: number[][], output: number[]) => ({
  ...{ cat: "Node", name: `${op_name}_kernel_time`, ts, dur: 500 },
  args: {
    op_name,
    input_type_shape: inputs.map((float) => ({ float })),
    output_type_shape: [{ float: output }],
  },
});
const run = (ts: number) => ({ cat: "Session", name: "model_run", ts, dur: 9000 });

test("a run has the nodes that began within it", () => {
  const trace = [
    { cat: "Session", name: "model_loading_array", ts: 0, dur: 900 },
    node("Add", 1100, [[3], [3]], [3]),
    run(1000),
    node("Mul", 11000, [[3], [3]], [3]),
    node("Add", 12000, [[3], [3]], [3]),
    run(10500),
  ];
  const add = { name: "Add", ms: 0.5, flop: 0 };
  expect(runsOf(trace)).toEqual([
    { ms: 9, operations: [add] },
    { ms: 9, operations: [{ name: "Mul", ms: 0.5, flop: 0 }, add] },
  ]);
});

test.each([
  ["Conv", [[2, 3, 8, 8], [5, 3, 3, 3], [5]], [2, 5, 8, 8], 2 * 2 * 5 * 8 * 8 * 27],
  [
    "ConvTranspose",
    [
      [2, 5, 4, 4],
      [5, 3, 3, 3],
    ],
    [2, 3, 8, 8],
    2 * 2 * 5 * 4 * 4 * 27,
  ],
  [
    "MatMul",
    [
      [7, 3, 4],
      [4, 6],
    ],
    [7, 3, 6],
    2 * 7 * 3 * 4 * 6,
  ],
  // The first operand transposed, which the trace does not say.
  [
    "FusedMatMul",
    [
      [7, 4, 3],
      [7, 4, 6],
    ],
    [7, 3, 6],
    2 * 7 * 3 * 4 * 6,
  ],
  ["Gemm", [[4, 3], [4, 6], [6]], [3, 6], 2 * 3 * 4 * 6],
  ["Relu", [[4, 3]], [4, 3], 0],
] as const)("%s of %j counts its multiplications and additions", (name, inputs, output, flop) => {
  const trace = [run(0), node(name, 10, inputs as unknown as number[][], [...output])];
  expect(runsOf(trace)[0]?.operations).toEqual([{ name, ms: 0.5, flop }]);
});

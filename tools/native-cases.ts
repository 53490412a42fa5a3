// Writes what native/driver runs: for every operation and gradient of the tests a plan, feeds and the results of plain
// loops. node --import ./tools/typescript.mjs --conditions=undiffuse-source tools/native-cases.ts FOLDER
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { DType, NDArray } from "../src/base/index.ts";
import { lower, type NativeTarget, type Precision, readPlan } from "../src/lower/index.ts";
import type { Graph } from "../src/tensor/index.ts";
import {
  amongActivations,
  attentionPrograms,
  blockedPrograms,
  gradientPrograms,
  type Program,
  plainPrograms,
} from "../test/lower/programs.ts";
import { interpret, toDoubles } from "../test/tensor/reference.ts";

/** Of fp32 as in the tests; in bf16 some results are rounding errors of what cancels, which the tests tell apart. */
const TOLERANCES: Readonly<Record<Precision, number>> = { fp32: 2e-5, bf16: 0.2 };

const words = (...values: readonly number[]): Uint8Array => new Uint8Array(Int32Array.from(values).buffer);
const bytesOf = ({ data }: Pick<NDArray, "data">): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
const stored = (dtype: DType, values: ArrayLike<number>): Uint8Array => {
  const arrays = { float32: Float32Array, int32: Int32Array, bool: Uint8Array, uint8: Uint8Array };
  return new Uint8Array(arrays[dtype].from(values).buffer);
};

/** A program as native/driver.cc's head describes its file. */
const fileOf = ({ outputs, values }: Program, target: NativeTarget): Uint8Array => {
  const leaves = [...values];
  const graph: Graph = {
    inputs: new Map(leaves.map(([leaf], i) => [`in${i}`, leaf])),
    outputs: new Map(outputs.map((node, i) => [`out${i}`, node])),
  };
  const plan = readPlan(lower(graph, { target }));
  if (!plan) throw new Error("no plan");
  const wanted = interpret(outputs, new Map(leaves.map(([leaf, value]) => [leaf, toDoubles(value)])));
  const number = (name: string): number => Number(name.replace(/^\D+/, ""));
  const feeds = plan.feeds.map(({ name }) => bytesOf((leaves[number(name)] as (typeof leaves)[number])[1]));
  const results = plan.outputs.map(({ name, dtype }) => stored(dtype, wanted[number(name)]?.data ?? []));
  const tolerance = new Uint8Array(Float32Array.of(TOLERANCES[target.precision ?? "fp32"]).buffer);
  return Buffer.concat([
    words(plan.words.length),
    bytesOf({ data: plan.words }),
    words(plan.constants.length),
    ...plan.constants.flatMap((constant) => {
      if (typeof constant === "string") throw new Error(`a constant to be held, ${constant}`);
      return [words(constant.length), constant];
    }),
    ...feeds.flatMap((bytes) => [words(bytes.length), bytes]),
    ...results.flatMap((bytes) => [words(bytes.length), tolerance, bytes]),
  ]);
};

const [folder = "native-cases"] = process.argv.slice(2);
await mkdir(folder, { recursive: true });
const all = {
  plain: plainPrograms,
  gradient: gradientPrograms,
  blocked: blockedPrograms,
  attention: attentionPrograms,
};
const kinds: Readonly<Record<Precision, Readonly<Record<string, readonly Program[]>>>> = {
  fp32: all,
  bf16: Object.fromEntries(
    Object.entries(all).map(([kind, programs]) => [kind, programs.map(amongActivations)]),
  ),
};
let count = 0;
for (const precision of ["fp32", "bf16"] as const)
  for (const block of [1, 8])
    for (const [kind, programs] of Object.entries(kinds[precision]))
      for (const [i, program] of programs.entries()) {
        const name = `${kind}-${i}-${block}-${precision}`;
        await writeFile(join(folder, name), fileOf(program, { engine: "native", block, precision }));
        count++;
      }
console.log(`${count} plans in ${folder}`);

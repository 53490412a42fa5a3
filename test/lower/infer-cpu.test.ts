import { expect, test } from "vitest";
import { Generator } from "../../src/base/index.ts";
import { inferCpu } from "../../src/lower/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { type Graph, type OpName, trace } from "../../src/tensor/index.ts";
import { attention } from "../../src/tensor/operations.ts";
import { allCases } from "../tensor/cases.ts";
import { relativeDifference } from "../tensor/compare.ts";
import { interpret, toDoubles } from "../tensor/reference.ts";

// float32 kernels against float64 loops, as for the portable target.
const tolerance = 2e-5;

const evaluate = async (graph: Graph, feeds: Parameters<Awaited<ReturnType<typeof compile>>>[0]) => {
  const run = await compile(graph, { target: inferCpu, worker: false, threads: 2 });
  const result = await run(feeds);
  await run.close();
  return result;
};

const cases = allCases.filter(({ node }) => node.op === ("attention" satisfies OpName));
test.each(cases)("$title", async ({ node, values }) => {
  const leaves = [...values];
  const graph: Graph = {
    inputs: new Map(leaves.map(([leaf], i) => [`in${i}`, leaf])),
    outputs: new Map([["y", node]]),
  };
  const { y } = await evaluate(graph, Object.fromEntries(leaves.map(([, value], i) => [`in${i}`, value])));
  const [expected] = interpret([node], new Map(leaves.map(([leaf, value]) => [leaf, toDoubles(value)])));
  expect(y && expected && relativeDifference(y, expected)).toBeLessThan(tolerance);
});

test("attention over more tokens than the kernel's blocks agrees with loops", async () => {
  const random = new Generator(5);
  const feeds = {
    q: random.normal([1, 40, 24]),
    k: random.normal([1, 517, 24]),
    v: random.normal([1, 517, 24]),
  };
  const graph = trace(feeds, ({ q, k, v }) => ({ y: attention(q, k, v, { heads: 3, scale: 0.35 }) }));
  const { y } = await evaluate(graph, feeds);
  const leaves = [...graph.inputs].map(
    ([name, leaf]) => [leaf, toDoubles(feeds[name as keyof typeof feeds])] as const,
  );
  const [expected] = interpret([...graph.outputs.values()], new Map(leaves));
  expect(y && expected && relativeDifference(y, expected)).toBeLessThan(tolerance);
});

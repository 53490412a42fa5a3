import { describe, expect, test } from "vitest";
import { type DecomposedOp, decompose, decompositions, type Tensor } from "../../src/tensor/index.ts";
import { allCases } from "./cases.ts";
import { relativeDifference } from "./compare.ts";
import { type Doubles, interpret, toDoubles } from "./reference.ts";

// Constants inside decompositions (1/n, eps) are float32.
const tolerance = 1e-6;

const isDecomposed = (node: Tensor): node is Tensor<DecomposedOp> => node.op in decompositions;

describe("a decomposition means what its operation means", () => {
  test.each(allCases.filter(({ node }) => isDecomposed(node)))("$title", ({ node, values }) => {
    const leaves = new Map([...values].map(([leaf, value]) => [leaf, toDoubles(value)] as const));
    const parts = decompose(node as Tensor<DecomposedOp>);
    expect(parts.op).not.toBe(node.op);
    const [whole, primitive] = interpret([node, parts], leaves) as [Doubles, Doubles];
    expect(relativeDifference(primitive, whole)).toBeLessThan(tolerance);
  });
});

import { describe, expect, test } from "vitest";
import { Generator } from "../../src/base/index.ts";
import { attend } from "../../src/tensor/attention.ts";
import {
  attention,
  type DecomposedOp,
  decompose,
  decompositions,
  input,
  type Tensor,
} from "../../src/tensor/index.ts";
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

describe("attention for some queries at a time", () => {
  test.each([
    [1, 2 * 7 * 5], // whole
    [2, 2 * 7 * 5 - 1],
    [3, 2 * 3 * 5], // 7 queries: 3, 3 and 1
    [7, 1], // never less than one
  ])("in %i parts is attention", (count, most) => {
    const random = new Generator(3);
    const [q, k, v] = [7, 5, 5].map((tokens) => input([2, tokens, 6])) as [Tensor, Tensor, Tensor];
    const whole = attention(q, k, v, { heads: 1, scale: 0.7 }) as Tensor<"attention">;
    const parts = attend(whole, most);
    expect(parts.op === "concat" ? parts.inputs.length : 1).toBe(count);
    const leaves = new Map([q, k, v].map((leaf) => [leaf, toDoubles(random.normal(leaf.shape))]));
    const [expected, made] = interpret([whole, parts], leaves) as [Doubles, Doubles];
    expect(relativeDifference(made, expected)).toBeLessThan(tolerance);
  });

  test("holds for several heads", () => {
    const random = new Generator(4);
    const [q, k, v] = [6, 4, 4].map((tokens) => input([2, tokens, 6])) as [Tensor, Tensor, Tensor];
    const whole = attention(q, k, v, { heads: 3, scale: 0.5 }) as Tensor<"attention">;
    const leaves = new Map([q, k, v].map((leaf) => [leaf, toDoubles(random.normal(leaf.shape))]));
    const [expected, made] = interpret([whole, attend(whole, 50)], leaves) as [Doubles, Doubles];
    expect(relativeDifference(made, expected)).toBeLessThan(tolerance);
  });
});

import { expect, test } from "vitest";
import type { NDArray } from "../../src/base/index.ts";
import { compile } from "../../src/runtime/index.ts";
import {
  attention,
  conv2d,
  gradients,
  groupNorm,
  softplus,
  type Tensor,
  trace,
} from "../../src/tensor/index.ts";
import { relativeDifference } from "./compare.ts";
import { arrayOf, fixture, type Saved, saved } from "./fixture.ts";
import { interpret, toDoubles } from "./reference.ts";

/** torch computed in double precision; constants of the graph (eps, 1/n) are float32. */
const DOUBLE = 1e-6;
/** A few hundred float32 roundings of 6e-8, at their largest in the second derivatives of the softmax. */
const SINGLE = 1e-4;

const { leaves, ...expected } = fixture.gradientPenalty as {
  readonly leaves: Readonly<Record<string, Saved>>;
  readonly loss: number;
  readonly penalty: number;
  readonly gradients: Readonly<Record<string, Saved>>;
};
const names = Object.keys(leaves);
const values = Object.fromEntries(names.map((name) => [name, arrayOf(leaves[name] as Saved)]));

/** Σ g², g = d loss/dx of a small critic (Mescheder et al. 2018), and its gradient in every leaf. */
const graph = trace(values, (tensors) => {
  const of = (name: string): Tensor => tensors[name] as Tensor;
  const x = of("x");
  const features = conv2d(x, of("kernel"), of("bias"), { stride: 1, padding: [1, 1, 1, 1] });
  const h = groupNorm(features, of("scale"), of("shift"), { groups: 4, eps: 1e-5, silu: true });
  const rows = h.reshape([2, 8, 16]).transpose([0, 2, 1]);
  const [q, k, v] = ["query", "key", "value"].map((name) => rows.matmul(of(name))) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const mixed = attention(q, k, v, { heads: 2, scale: 0.5 }).add(rows);
  const loss = softplus(mixed.matmul(of("out"))).sum();
  const [g] = gradients(loss, [x]) as [Tensor];
  const penalty = g.mul(g).sum();
  const slopes = gradients(penalty, names.map(of));
  return { loss, penalty, ...Object.fromEntries(slopes.map((slope, i) => [`d ${names[i]}`, slope])) };
});

const wanted = new Map<string, Saved>([
  ["loss", { shape: [], data: [expected.loss] }],
  ["penalty", { shape: [], data: [expected.penalty] }],
  ...names.map((name) => [`d ${name}`, expected.gradients[name] as Saved] as const),
]);

test("the gradients of a gradient's norm are torch's, in double precision", () => {
  const inputs = new Map([...graph.inputs].map(([name, leaf]) => [leaf, toDoubles(values[name] as NDArray)]));
  const got = interpret([...graph.outputs.values()], inputs);
  [...graph.outputs.keys()].forEach((name, i) => {
    expect(
      relativeDifference(got[i] as (typeof got)[number], saved(wanted.get(name) as Saved)),
      name,
    ).toBeLessThan(DOUBLE);
  });
});

test("and on onnxruntime", async () => {
  const run = await compile(graph, { worker: false });
  const got = await run(values);
  await run.close();
  for (const [name, value] of wanted)
    expect(relativeDifference(got[name] as NDArray, saved(value)), name).toBeLessThan(SINGLE);
});

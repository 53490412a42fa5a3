import { describe, expect, test } from "vitest";
import { host } from "#host";
import { Generator, NDArray } from "../../src/base/index.ts";
import { lower, type NativeTarget, portable, readPlan } from "../../src/lower/index.ts";
import { concat, conv2d, trace, where } from "../../src/tensor/index.ts";
import { evaluate, network, networks } from "./networks.ts";
import {
  amongActivations,
  attentionPrograms,
  blockedPrograms,
  gradientPrograms,
  plainPrograms,
} from "./programs.ts";
import { BFLOAT16, describeTogether, runTogether } from "./together.ts";

const targets = [1, 8].map((block): NativeTarget => ({ engine: "native", block, precision: "bf16" }));
const built = host.nativeEngine() !== null;

const toOneToken = "attention to one token";
const isSecond = ({ title }: { readonly title: string }) => title.startsWith("groupNormGrad");
/** Programs, and how far their results may be off, relative to the largest. */
const kinds = {
  operations: [plainPrograms, BFLOAT16],
  gradients: [
    gradientPrograms.filter((program) => program.title !== toOneToken && !isSecond(program)),
    BFLOAT16,
  ],
  // By way of a dozen operations whose results are all stored, and two differentiations: each may add as much.
  "second gradients of norms": [gradientPrograms.filter(isSecond), 2 * BFLOAT16],
  convolutions: [blockedPrograms, BFLOAT16],
  attention: [attentionPrograms, BFLOAT16],
} as const;

if (built)
  for (const target of targets)
    for (const [kind, [programs, tolerance]] of Object.entries(kinds))
      describeTogether(
        `in bf16, blocks of ${target.block}, ${kind}`,
        target,
        programs.map(amongActivations),
        tolerance,
      );

/**
 * Of six U-Nets of these forms, by PyTorch 2.13's own autocast to bfloat16 against float32 (2 cores, AVX2): the largest
 * error in a gradient, relative to its largest number, was 0.045 to 0.085; that of all gradients together, as a vector,
 * 0.014 to 0.018 of their norm; that of the loss 2e-4 to 6e-4.
 */
const AUTOCAST = { gradient: 0.085, all: 2e-2, loss: 2e-3 };

const largest = (values: Iterable<number>): number =>
  [...values].reduce((most, value) => Math.max(most, Math.abs(value)), 0);

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const norm = (values: ArrayLike<number>): number => Math.hypot(...Array.from(values));

describe.runIf(built)("a plan in bf16", () => {
  /** Softmax of one score is 1 whatever it is: dy·v − δ is 0, to the roundings of its two parts. */
  test("has gradients in the queries of one token that are rounding errors of what cancels", async () => {
    const program = gradientPrograms.find(({ title }) => title === toOneToken);
    if (!program) throw new Error(`no program ${toOneToken}`);
    const [q, k, v, dy] = [...program.values.values()].map(({ data }) => largest(data)) as [
      number,
      number,
      number,
      number,
    ];
    for (const target of targets) {
      const [[dq, dk, dv]] = (await runTogether([amongActivations(program)], target)) as [
        [NDArray, NDArray, NDArray],
      ];
      expect(largest(dq.data)).toBeLessThan(BFLOAT16 * 3 * dy * v * k);
      expect(largest(dk.data)).toBeLessThan(BFLOAT16 * 3 * dy * v * q);
      expect(largest(dv.data)).toBeCloseTo(dy, 1);
    }
  });

  /** At the last steps of sampling, noise is hundreds of times smaller than the image that it is in. */
  test("sees what is faint in an image that it is fed: factors that nobody rounded are not rounded", async () => {
    const faint = new Generator(7).normal([1, 8, 6, 6]).mul(0.01);
    const [difference, one] = [
      [8, 8, 1, 2],
      [8, 8, 1, 1],
    ].map((shape) => NDArray.zeros(shape)) as [NDArray, NDArray];
    for (let c = 0; c < 8; c++) {
      difference.data[(c * 8 + c) * 2] = 1;
      difference.data[(c * 8 + c) * 2 + 1] = -1;
      one.data[c * 8 + c] = 1;
    }
    const feeds = { x: faint.add(10), difference, one };
    const graph = trace(feeds, ({ x, difference, one }) => {
      const plain = { stride: 1, padding: [0, 0, 0, 0] as const };
      return { y: conv2d(conv2d(x, difference, undefined, plain), one, undefined, plain) };
    });
    const { y: wanted } = await evaluate(portable, { graph, feeds });
    for (const target of targets) {
      const { y } = await evaluate(target, { graph, feeds });
      const far = NDArray.from(y as NDArray).sub(NDArray.from(wanted as NDArray));
      expect(largest(far.data)).toBeLessThan(BFLOAT16 * largest((wanted as NDArray).data));
    }
  });

  test("stores numbers rounded to the nearest, ties to even, NaN and infinity as they are", async () => {
    const given = [
      0x3f800000, 0x3f807fff, 0x3f808000, 0x3f808001, 0x3f818000, 0xbf818000, 0x00000000, 0x80000000,
      0x00018000, 0x7f7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0xffffffff,
    ];
    const wanted = [
      0x3f800000, 0x3f800000, 0x3f800000, 0x3f810000, 0x3f820000, 0xbf820000, 0x00000000, 0x80000000,
      0x00020000, 0x7f800000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7fc00000, 0xffff0000,
    ];
    const shape = [1, 1, 1, given.length];
    const feeds = {
      x: NDArray.from({
        dtype: "float32",
        shape,
        data: new Float32Array(Uint32Array.from(given).buffer),
      }),
      keeps: NDArray.full(shape, 1).cast("bool"),
      one: NDArray.full([1, 1, 1, 1], 1),
    };
    const graph = trace(feeds, ({ x, keeps, one }) => {
      const image = conv2d(one, one, undefined, { stride: 1, padding: [0, 0, 0, 0] });
      return { y: concat([where(keeps, x, image)], 0) };
    });
    const { y } = await evaluate(targets[0] as NativeTarget, { graph, feeds });
    const words = new Uint32Array((y as NDArray).data.slice().buffer);
    expect([...words].map((word) => word.toString(16))).toEqual(wanted.map((word) => word.toString(16)));
  });

  test.each(networks.flatMap((channels) => targets.map((target) => [channels, target] as const)))(
    "has the loss and the gradients of a U-Net of %o: %o",
    async (channels, target) => {
      const net = network(channels);
      const [got, wanted] = [await evaluate(target, net), await evaluate(portable, net)];
      const [squares, sizes] = [[] as number[], [] as number[]];
      for (const [name, { data }] of Object.entries(wanted)) {
        const differences = Array.from(data, (value, i) => value - (got[name]?.data[i] as number));
        const most = name === "loss" ? AUTOCAST.loss : AUTOCAST.gradient;
        expect(largest(differences) / Math.max(1e-3, largest(data)), name).toBeLessThan(most);
        if (name === "loss") continue;
        squares.push(norm(differences) ** 2);
        sizes.push(norm(data) ** 2);
      }
      expect(Math.sqrt(sum(squares) / sum(sizes))).toBeLessThan(AUTOCAST.all);
    },
  );

  test.each(targets)("takes less of the arena: %o", (target) => {
    const { graph } = network([16, 32]);
    const [half, whole] = [target, { ...target, precision: "fp32" as const }].map(
      (each) => readPlan(lower(graph, { target: each }))?.words[3] as number,
    ) as [number, number];
    expect(half).toBeLessThan(0.6 * whole);
  });
});

import { sizeOf } from "../../base/index.ts";
import type { Plan } from "./plan-builder.ts";
import { ALIGN, instructions, type Opcode, opcodes } from "./words.ts";

/** A step of a plan, as those see it who measure it. */
export interface PlanStep {
  /** The graph's operations that it computes; `copy` where it only lays numbers out in another way. */
  readonly name: string;
  /** Floating-point operations of a convolution, of matrix products or of attention, whose products are two, five in its gradient; 0 for all else. */
  readonly flop: number;
}

/** What the steps of a plan are, read from its words: native/plan.h says how they stand. */
export const stepsOf = ({ words }: Pick<Plan, "words">): PlanStep[] => {
  const [, values = 0, steps = 0] = words;
  let at = 6; // behind the header
  for (let i = 0; i < values; i++) at += 4 + (words[at + 3] as number);
  return Array.from({ length: steps }, () => {
    const [opcode, length] = words.subarray(at, at + 2) as unknown as [number, number];
    const body = [...words.subarray(at + 2, at + 2 + length)];
    at += 2 + length;
    return kinds[names.get(opcode) as Opcode](body);
  });
};

/** Memory for all that a plan computes and is neither fed nor an output, scratch of its steps aside. */
export const arenaBytes = ({ words }: Pick<Plan, "words">): number => (words[3] as number) * ALIGN;

const named = <K extends string>(table: Readonly<Record<K, number>>): ReadonlyMap<number, K> =>
  new Map(Object.entries(table).map(([name, word]) => [word as number, name as K]));
const names = named(opcodes);
const instructionNames = named(instructions);

type Kind = (body: readonly number[]) => PlanStep;
const plain =
  (name: string): Kind =>
  () => ({ name, flop: 0 });

/** Each of three operands, then n, h, w, c, m, kh, kw, oh, ow: one product for every weight at every pixel made. */
const convolution =
  (name: string, operands: number): Kind =>
  (body) => {
    const [n, , , c, m, kh, kw, oh, ow] = body.slice(operands);
    return { name, flop: 2 * sizeOf([n, c, m, kh, kw, oh, ow] as number[]) };
  };

/** Behind the operands: so many products of each score with what is as wide as a head of keys, and of values. */
const ofScores =
  (name: string, operands: number, [ofKeys, ofValues]: readonly [number, number]): Kind =>
  (body) => {
    const numbers = body.slice(operands) as [number, number, number, number, number, number];
    const [batch, queries, keys, heads, width, valueWidth] = numbers;
    return { name, flop: 2 * batch * heads * queries * keys * (ofKeys * width + ofValues * valueWidth) };
  };

const kinds: { readonly [K in Opcode]: Kind } = {
  map(body) {
    const [rank = 0] = body;
    const inputs = body[3 + 2 * rank] as number;
    const lines = 4 + 2 * rank + inputs * (2 + rank);
    const found = Array.from({ length: body[lines] as number }, (_, i) => {
      const instruction = instructionNames.get(body[lines + 1 + 4 * i] as number);
      if (instruction === "truncate" || instruction === "notZero") return "cast";
      return instruction === "constant" || instruction === "copy" ? undefined : instruction;
    });
    const computed = new Set(found.filter((name) => name !== undefined));
    return { name: [...computed].join("+") || "copy", flop: 0 };
  },
  fill: plain("fill"),
  reduce: ([kind]) => ({ name: kind === 0 ? "sum" : "max", flop: 0 }),
  matmul(body) {
    const [rank = 0] = body.slice(3);
    const batch = body.slice(4, 4 + rank);
    const product = body.slice(4 + 3 * rank, 7 + 3 * rank);
    return { name: "matmul", flop: 2 * sizeOf([...batch, ...product]) };
  },
  softmax: plain("softmax"),
  gather: plain("gather"),
  scatterAdd: plain("scatterAdd"),
  conv: convolution("conv2d", 4),
  convInputGrad: convolution("conv2dInputGrad", 3),
  convWeightGrad: convolution("conv2dWeightGrad", 3),
  groupNorm: plain("groupNorm"),
  groupNormGrad: plain("groupNormGrad"),
  attention: ofScores("attention", 4, [1, 1]),
  attentionGrad: ofScores("attentionGrad", 8, [3, 2]),
};

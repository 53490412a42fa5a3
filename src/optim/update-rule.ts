import { z } from "zod";
import type { FlatMemory } from "./flat-memory.ts";

const weightDecay = z.number().nonnegative().default(0);
const moments = {
  betas: z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).default([0.9, 0.999]),
  /** At least the smallest normal float32, so that a gradient of 0 never divides by 0. */
  eps: z
    .number()
    .min(2 ** -126)
    .default(1e-8),
};

/** Which optimizer and its constants; the learning rate is given at each step. */
export const optimizerSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("sgd"),
    momentum: z.number().min(0).lt(1).default(0),
    nesterov: z.boolean().default(false),
    weightDecay,
  }),
  z.strictObject({ kind: z.literal("adam"), ...moments, weightDecay }),
  z.strictObject({ kind: z.literal("adamw"), ...moments, weightDecay: weightDecay.default(0.01) }),
]);
export type OptimizerSpec = z.output<typeof optimizerSchema>;

/** One update in place of equal ranges of a memory's buffers. `step` counts from 1; slots start as zeros. */
export interface Update {
  readonly parameters: Float32Array;
  /** Scratch afterwards. */
  readonly gradients: Float32Array;
  /** The moving average of the parameters. */
  readonly ema: Float32Array;
  readonly slots: readonly Float32Array[];
  /** What the gradients are multiplied with first. */
  readonly gradientScale: number;
  readonly learningRate: number;
  readonly emaDecay: number;
  readonly step: number;
}

type Spec<K extends OptimizerSpec["kind"]> = Extract<OptimizerSpec, { kind: K }>;
interface Rule<K extends OptimizerSpec["kind"]> {
  /** Names of the buffers that the rule keeps between steps, each of the parameters' size. */
  slots(spec: Spec<K>): readonly string[];
  apply(spec: Spec<K>, update: Update, memory: FlatMemory): Promise<unknown>;
}

/**
 * Adam (Kingma and Ba 2015, algorithm 1). Weight decay is added to the gradient (coupled, Adam) or taken
 * from the parameter (decoupled, AdamW, Loshchilov and Hutter 2019).
 */
const adam = (spec: Spec<"adam"> | Spec<"adamw">, update: Update, memory: FlatMemory): Promise<unknown> => {
  const { kind, betas, eps, weightDecay } = spec;
  const { parameters, gradients, ema, slots, gradientScale, learningRate, emaDecay, step } = update;
  const [b1, b2] = betas;
  const coupled = kind === "adam" ? weightDecay : 0;
  const decoupled = kind === "adamw" ? learningRate * weightDecay : 0;
  const rate = learningRate / (1 - b1 ** step);
  const root = 1 / Math.sqrt(1 - b2 ** step);
  return memory.run(
    "adam",
    [parameters, gradients, ema, ...slots],
    [gradientScale, coupled, 1 - emaDecay, b1, 1 - b1, b2, 1 - b2, decoupled, rate, root, eps],
  );
};

/**
 * SGD with momentum as PyTorch has it: the first step's velocity is the gradient itself. Without momentum that
 * holds at every step, and the gradients' buffer stands in for the velocity.
 */
const sgd = (spec: Spec<"sgd">, update: Update, memory: FlatMemory): Promise<unknown> => {
  const { momentum, nesterov, weightDecay } = spec;
  const { parameters, gradients, ema, slots, gradientScale, learningRate, emaDecay } = update;
  const [rate, velocityRate] = nesterov ? [learningRate, learningRate * momentum] : [0, learningRate];
  return memory.run(
    "sgd",
    [parameters, gradients, ema, slots[0] ?? gradients],
    [gradientScale, weightDecay, 1 - emaDecay, momentum, rate, velocityRate],
  );
};

const rules: { readonly [K in OptimizerSpec["kind"]]: Rule<K> } = {
  sgd: { slots: ({ momentum }) => (momentum > 0 ? ["velocity"] : []), apply: sgd },
  adam: { slots: () => ["m", "v"], apply: adam },
  adamw: { slots: () => ["m", "v"], apply: adam },
};

/** The names of the buffers that an optimizer keeps. */
export const slotNames = <K extends OptimizerSpec["kind"]>(spec: Spec<K> & { kind: K }): readonly string[] =>
  rules[spec.kind].slots(spec);

/** Moves the parameters by one step of the optimizer, and their average after them, in one pass over `memory`. */
export const applyUpdate = async <K extends OptimizerSpec["kind"]>(
  spec: Spec<K> & { kind: K },
  update: Update,
  memory: FlatMemory,
): Promise<void> => {
  await rules[spec.kind].apply(spec, update, memory);
};

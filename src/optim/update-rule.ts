import { z } from "zod";

const weightDecay = z.number().nonnegative().default(0);
const moments = {
  betas: z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).default([0.9, 0.999]),
  eps: z.number().positive().default(1e-8),
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

/** One update of parameters in place. `step` counts from 1; slots start as zeros. */
export interface Update {
  readonly parameters: Float32Array;
  readonly gradients: Float32Array;
  readonly slots: readonly Float32Array[];
  readonly learningRate: number;
  readonly step: number;
}

type Spec<K extends OptimizerSpec["kind"]> = Extract<OptimizerSpec, { kind: K }>;
interface Rule<K extends OptimizerSpec["kind"]> {
  /** Names of the buffers that the rule keeps between steps, each of the parameters' size. */
  slots(spec: Spec<K>): readonly string[];
  apply(spec: Spec<K>, update: Update): void;
}

/**
 * Adam (Kingma and Ba 2015, algorithm 1). Weight decay is added to the gradient (`coupled`, Adam) or taken
 * from the parameter (AdamW, Loshchilov and Hutter 2019).
 */
const adam = (
  spec: Spec<"adam"> | Spec<"adamw">,
  { parameters, gradients, slots, learningRate, step }: Update,
) => {
  const [b1, b2] = spec.betas;
  const [m, v] = slots as [Float32Array, Float32Array];
  const stepSize = learningRate / (1 - b1 ** step);
  const correction = Math.sqrt(1 - b2 ** step);
  const coupled = spec.kind === "adam" ? spec.weightDecay : 0;
  const kept = spec.kind === "adamw" ? 1 - learningRate * spec.weightDecay : 1;
  for (let i = 0; i < parameters.length; i++) {
    const p = parameters[i] as number;
    const g = (gradients[i] as number) + coupled * p;
    const mi = b1 * (m[i] as number) + (1 - b1) * g;
    const vi = b2 * (v[i] as number) + (1 - b2) * g * g;
    m[i] = mi;
    v[i] = vi;
    parameters[i] = kept * p - (stepSize * mi) / (Math.sqrt(vi) / correction + spec.eps);
  }
};

/** SGD with momentum as PyTorch has it: the first step's velocity is the gradient itself. */
const sgd = (spec: Spec<"sgd">, { parameters, gradients, slots, learningRate }: Update) => {
  const { momentum, nesterov, weightDecay } = spec;
  const [velocity] = slots;
  for (let i = 0; i < parameters.length; i++) {
    const p = parameters[i] as number;
    const g = (gradients[i] as number) + weightDecay * p;
    let direction = g;
    if (velocity) {
      const u = momentum * (velocity[i] as number) + g;
      velocity[i] = u;
      direction = nesterov ? g + momentum * u : u;
    }
    parameters[i] = p - learningRate * direction;
  }
};

const rules: { readonly [K in OptimizerSpec["kind"]]: Rule<K> } = {
  sgd: { slots: ({ momentum }) => (momentum > 0 ? ["velocity"] : []), apply: sgd },
  adam: { slots: () => ["m", "v"], apply: adam },
  adamw: { slots: () => ["m", "v"], apply: adam },
};

/** The names of the buffers that an optimizer keeps. */
export const slotNames = <K extends OptimizerSpec["kind"]>(spec: Spec<K> & { kind: K }): readonly string[] =>
  rules[spec.kind].slots(spec);

/** Moves the parameters by one step of the optimizer. */
export const applyUpdate = <K extends OptimizerSpec["kind"]>(
  spec: Spec<K> & { kind: K },
  update: Update,
): void => rules[spec.kind].apply(spec, update);

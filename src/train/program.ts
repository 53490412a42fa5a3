import { ArgumentError, type NDArray, ShapeError, sizeOf } from "../base/index.ts";
import { isNative, lower, type Target } from "../lower/index.ts";
import { buffers, type DropoutMasks, parameters } from "../nn/index.ts";
import {
  type Backend,
  type Compiled,
  compile,
  compileSymbolic,
  deviceOf,
  inferTarget,
  type PrecisionChoice,
} from "../runtime/index.ts";
import { type Graph, gradients, type Named, simplify, type Tensor, trace } from "../tensor/index.ts";
import type { BatchProgram, Evaluate, Program, StageUpdate } from "./system.ts";

export type Networks = Readonly<Record<string, object>>;

const collect = <T>(networks: Networks, walk: (module: object) => ReadonlyMap<string, T>): Map<string, T> =>
  new Map(
    Object.entries(networks).flatMap(([network, module]) =>
      [...walk(module)].map(([name, leaf]) => [`${network}.${name}`, leaf] as const),
    ),
  );

/** What the stage's networks learn, by `<network>.<parameter>`. */
export const parametersOf = (networks: Networks) => collect(networks, parameters);

/** How many numbers they learn. */
export const parameterCount = (networks: Networks): number =>
  [...parametersOf(networks).values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/** What they keep but do not learn. */
export const buffersOf = (networks: Networks) => collect(networks, buffers);

/** Gives buffers the values that they were saved with. @throws ShapeError for a name that is none of theirs */
export const setBuffers = (networks: Networks, values: ReadonlyMap<string, NDArray>): void => {
  const own = buffersOf(networks);
  for (const [name, value] of values) {
    const buffer = own.get(name);
    if (!buffer) throw new ShapeError({ who: "checkpoint", expected: "the stage's own buffers", got: name });
    buffer.value = value;
  }
};

/** The host values of parameters or buffers. */
export const valuesOf = (leaves: ReadonlyMap<string, { readonly value: NDArray }>): Map<string, NDArray> =>
  new Map([...leaves].map(([name, { value }]) => [name, value]));

/** A program's graph; its inputs are the program's, every parameter and buffer, and the dropout masks. */
export const traceProgram = (program: Program, networks: Networks, dropout?: DropoutMasks): Graph => {
  const leaves = new Map<string, Tensor<"input">>([...parametersOf(networks), ...buffersOf(networks)]);
  const outputs = (inputs: Named<Tensor>): Named<Tensor> => {
    const results = program.outputs(inputs, dropout);
    for (const [name, mask] of dropout?.inputs ?? []) leaves.set(name, mask); // known only once traced
    return results;
  };
  return trace(program.inputs, outputs, leaves);
};

interface StepOptions {
  readonly networks: Networks;
  /** Images of a micro-batch. */
  readonly batch: number;
  readonly dropout: DropoutMasks;
}

/** The graph of one training step: `loss`, `gradient.<name>` of what the update trains, `losses` where it sees them. */
export const traceUpdate = (update: StageUpdate, { networks, batch, dropout }: StepOptions): Graph => {
  const { inputs, outputs } = traceProgram(update.program(batch), networks, dropout);
  const losses = outputs.get("losses");
  if (!losses)
    throw new ArgumentError({ who: update.name, expected: "a program with output `losses`", got: "none" });
  const loss = losses.mean();
  const trained = [...parametersOf(networks)].filter(([name]) =>
    update.trains.some((n) => name.startsWith(`${n}.`)),
  );
  const found = gradients(
    loss,
    trained.map(([, parameter]) => parameter),
  );
  const named = trained.map(([name], i) => [`gradient.${name}`, found[i] as Tensor] as const);
  const seen = update.seen ? [["losses", losses] as const] : [];
  return simplify({ inputs, outputs: new Map([["loss", loss], ...seen, ...named]) });
};

/** The model of {@link traceUpdate}'s graph. */
export const lowerUpdate = (
  update: StageUpdate,
  { target, ...options }: StepOptions & { readonly target: Target },
): Uint8Array =>
  lower(traceUpdate(update, options), { target, weights: valuesOf(buffersOf(options.networks)) });

/** How fixed weights are evaluated. */
export interface EvaluateOptions {
  readonly threads?: number | undefined;
  readonly backend?: Backend | undefined;
  /** `fp32` when absent. */
  readonly precision?: PrecisionChoice | undefined;
}

/**
 * Evaluates a stage's programs with fixed weights, in onnxruntime in one session for every batch, in the native engine
 * in a plan for each. Close it when done.
 */
export const openEvaluate = (
  networks: Networks,
  weights: ReadonlyMap<string, NDArray>,
  { threads, backend, precision }: EvaluateOptions = {},
): { readonly evaluate: Evaluate; close(): Promise<void> } => {
  const compiled = new Map<BatchProgram, Map<number, Promise<Compiled>>>();
  const target = inferTarget(backend, precision);
  const options = { weights, device: deviceOf(backend), ...(threads && { threads }) };
  return {
    async evaluate(program, feeds) {
      const at = ({ batch = 1 }) => traceProgram(program(batch), networks);
      const batch = isNative(target) ? (Object.values(feeds)[0]?.shape[0] ?? 1) : 0;
      const ready = compiled.get(program) ?? new Map<number, Promise<Compiled>>();
      compiled.set(program, ready);
      const opened =
        ready.get(batch) ??
        (isNative(target)
          ? compile(at({ batch }), { ...options, target })
          : compileSymbolic({ symbols: { batch: 1 }, at }, { ...options, target }));
      ready.set(batch, opened);
      return (await opened)(feeds);
    },
    async close() {
      for (const ready of compiled.values())
        for (const opened of ready.values()) await (await opened).close();
    },
  };
};

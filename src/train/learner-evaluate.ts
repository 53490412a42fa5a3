import { NDArray } from "../base/index.ts";
import { lower, type Target } from "../lower/index.ts";
import type { Learner } from "../optim/index.ts";
import { checkFeeds, type Remote } from "../runtime/index.ts";
import { simplify, type Tensor } from "../tensor/index.ts";
import { buffersOf, type Networks, parametersOf, traceProgram, valuesOf } from "./program.ts";
import type { BatchProgram, Evaluate, Program } from "./system.ts";

interface Loaded {
  readonly name: string;
  readonly fed: ReadonlyMap<string, Tensor>;
}

/** Evaluates programs inside the learner, each at the few batches that a training uses, with the moving average of the weights as they are then. */
export const learnerEvaluate = (
  learner: Remote<Learner>,
  { networks, target }: { readonly networks: Networks; readonly target: Target },
): Evaluate => {
  const loaded = new Map<BatchProgram, Map<number, Promise<Loaded>>>();
  let count = 0;
  const own = new Set([...parametersOf(networks).keys(), ...buffersOf(networks).keys()]);
  const load = async (program: Program, name: string): Promise<Loaded> => {
    const graph = simplify(traceProgram(program, networks));
    await learner.call("load", name, lower(graph, { target, weights: valuesOf(buffersOf(networks)) }));
    return { name, fed: new Map([...graph.inputs].filter(([input]) => !own.has(input))) };
  };
  return async (program, feeds) => {
    const batches = loaded.get(program) ?? new Map<number, Promise<Loaded>>();
    loaded.set(program, batches);
    const batch = Object.values(feeds)[0]?.shape[0] ?? 1;
    const ready = batches.get(batch) ?? load(program(batch), `program ${count++}`);
    batches.set(batch, ready);
    const { name, fed } = await ready;
    checkFeeds(fed, feeds);
    const results = await learner.call("run", name, feeds);
    return Object.fromEntries(
      Object.entries(results).map(([output, array]) => [output, NDArray.from(array)]),
    );
  };
};

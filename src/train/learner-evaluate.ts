import { NDArray } from "../base/index.ts";
import { lower, trainCpu } from "../lower/index.ts";
import type { Learner } from "../optim/index.ts";
import { blockSize, checkFeeds, type Remote } from "../runtime/index.ts";
import { simplify, type Tensor } from "../tensor/index.ts";
import { buffersOf, type Networks, parametersOf, traceProgram, valuesOf } from "./program.ts";
import type { Evaluate, Program } from "./system.ts";

interface Loaded {
  readonly name: string;
  readonly fed: ReadonlyMap<string, Tensor>;
}

/** Evaluates programs inside the learner, with the moving average of the weights as they are then. */
export const learnerEvaluate = (learner: Remote<Learner>, networks: Networks): Evaluate => {
  const loaded = new Map<Program, Promise<Loaded>>();
  const own = new Set([...parametersOf(networks).keys(), ...buffersOf(networks).keys()]);
  const load = async (program: Program, name: string): Promise<Loaded> => {
    const graph = simplify(traceProgram(program, networks));
    const target = trainCpu(await blockSize());
    await learner.call("load", name, lower(graph, { target, weights: valuesOf(buffersOf(networks)) }));
    return { name, fed: new Map([...graph.inputs].filter(([input]) => !own.has(input))) };
  };
  return async (program, feeds) => {
    const ready = loaded.get(program) ?? load(program, `program ${loaded.size}`);
    loaded.set(program, ready);
    const { name, fed } = await ready;
    checkFeeds(fed, feeds);
    const results = await learner.call("run", name, feeds);
    return Object.fromEntries(
      Object.entries(results).map(([output, array]) => [output, NDArray.from(array)]),
    );
  };
};

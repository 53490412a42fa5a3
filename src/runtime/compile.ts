import { host } from "#host";
import { ArgumentError, NDArray, ShapeError, sameShape, showShape } from "../base/index.ts";
import { type Lowering, lower, lowerSymbolic, type SymbolicGraph, type Target } from "../lower/index.ts";
import { type Graph, type Named, simplify, type Tensor } from "../tensor/index.ts";
import { type Device, loweringOn } from "./device.ts";
import { Remote, workerModule } from "./remote.ts";
import type { Arrays, Session, SessionOptions } from "./session.ts";
import type { SessionInit } from "./session-worker.ts";
import { checkSymbolicFeeds } from "./symbolic-feeds.ts";

export interface CompileOptions<T extends Target = Target> extends SessionOptions {
  /** Inputs by name that are fixed for the life of the callable. */
  readonly weights?: ReadonlyMap<string, NDArray>;
  /** The device's, or the host's for inference, when absent. */
  readonly target?: T;
  /** Whether a worker owns the session, which keeps the event loop free. */
  readonly worker?: boolean;
}

/** A graph ready to run: feed its inputs by name, get its outputs by name. */
export interface Compiled {
  (feeds: Named<NDArray>): Promise<Named<NDArray>>;
  /** Waits for the runs before it; later ones are refused. */
  close(): Promise<void>;
}

/** Simplifies, lowers and loads a graph. @throws ShapeError when a weight has not its input's shape or dtype */
export const compile = async (
  graph: Graph,
  { weights = new Map(), target, ...options }: CompileOptions = {},
): Promise<Compiled> => {
  const simple = simplifiedFor(graph, weights);
  const fed = new Map([...simple.inputs].filter(([name]) => !weights.has(name)));
  const check = (feeds: Named<NDArray>) => checkFeeds(fed, feeds);
  const lowering = target ?? loweringFor(options.device);
  if (!host.holdsWeights) return open(lower(simple, { weights, target: lowering }), options, check);
  const names = [...weights.keys()].filter((name) => simple.inputs.has(name));
  const held = Object.fromEntries(names.map((name) => [name, weights.get(name) as NDArray]));
  return open(lower(simple, { held: new Set(names), target: lowering }), { ...options, held }, check);
};

const loweringFor = (device: Device = "cpu"): Lowering => loweringOn(device) ?? host.inferTarget;

/**
 * One callable for every size: the graph is lowered at a few and what changes between them is computed from the feeds
 * when it runs. One session holds the weights once.
 * @throws ArgumentError when the function's graph changes its form with the sizes
 */
export const compileSymbolic = async (
  { symbols, at }: SymbolicGraph,
  { weights = new Map(), target, ...options }: CompileOptions<Lowering> = {},
): Promise<Compiled> => {
  const lowering = target ?? loweringFor(options.device);
  const checked = (sizes: Readonly<Record<string, number>>) => simplifiedFor(at(sizes), weights);
  const { onnx, inputs } = lowerSymbolic({ symbols, at: checked }, { weights, target: lowering });
  const names = new Set(inputs.map(({ name }) => name));
  return open(onnx.finish(), options, (feeds) => {
    checkNames(names, feeds);
    checkSymbolicFeeds(inputs, feeds, symbols);
  });
};

const simplifiedFor = (graph: Graph, weights: ReadonlyMap<string, NDArray>): Graph => {
  const simple = simplify(graph);
  for (const [name, leaf] of simple.inputs) {
    const value = weights.get(name);
    if (value) checkArray(`weight "${name}"`, leaf, value);
  }
  return simple;
};

/** A model in a session of its own, whose feeds are checked first. */
const open = async (
  model: Uint8Array,
  { worker = true, ...options }: Omit<CompileOptions, "weights" | "target">,
  check: (feeds: Named<NDArray>) => void,
): Promise<Compiled> => {
  const session = guarded(await (worker ? openRemoteSession : host.openSession)(model, options));
  const run = async (feeds: Named<NDArray>): Promise<Named<NDArray>> => {
    check(feeds);
    const results = await session.run(feeds);
    return Object.fromEntries(Object.entries(results).map(([name, array]) => [name, NDArray.from(array)]));
  };
  return Object.assign(run, {
    async close() {
      await session.close();
    },
  });
};

/** The same session, which closes once, after the runs before, and refuses later ones. */
const guarded = (session: Session): Session => {
  const running = new Set<Promise<Arrays>>();
  let closed: ReturnType<Session["close"]> | undefined;
  return {
    async run(feeds) {
      if (closed)
        throw new ArgumentError({
          who: "compiled function",
          expected: "an open session",
          got: "a closed one",
        });
      const result = session.run(feeds);
      running.add(result);
      return result.finally(() => running.delete(result));
    },
    close() {
      closed ??= Promise.allSettled(running).then(() => session.close());
      return closed;
    },
  };
};

/** A session that lives in a worker of its own. */
export const openRemoteSession = async (model: Uint8Array, options: SessionOptions): Promise<Session> => {
  const init: SessionInit = { model, options };
  const remote = await Remote.open<Session>(workerModule("session-worker", import.meta.url), init);
  return {
    run: (feeds) => remote.call("run", feeds),
    async close() {
      const profile = await remote.call("close");
      await remote.terminate();
      return profile;
    },
  };
};

/** @throws ShapeError when names, shapes or dtypes are not the graph's */
export const checkFeeds = (inputs: ReadonlyMap<string, Tensor>, feeds: Named<NDArray>): void => {
  checkNames(new Set(inputs.keys()), feeds);
  for (const [name, leaf] of inputs) checkArray(`feed "${name}"`, leaf, feeds[name] as NDArray);
};

const checkNames = (names: ReadonlySet<string>, feeds: Named<NDArray>): void => {
  const list = (names: Iterable<string>) => [...names].sort().join(", ") || "nothing";
  const unknown = Object.keys(feeds).filter((name) => !names.has(name));
  const missing = [...names].filter((name) => !(name in feeds));
  if (unknown.length || missing.length)
    throw new ShapeError({ who: "feeds", expected: list(names), got: list(Object.keys(feeds)) });
};

const checkArray = (who: string, { shape, dtype }: Tensor, got: NDArray): void => {
  if (!sameShape(got.shape, shape) || got.dtype !== dtype)
    throw new ShapeError({
      who,
      expected: `${dtype}${showShape(shape)}`,
      got: `${got.dtype}${showShape(got.shape)}`,
    });
};

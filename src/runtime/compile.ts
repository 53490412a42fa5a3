import { host } from "#host";
import { ArgumentError, NDArray, ShapeError, sameShape, showShape } from "../base/index.ts";
import { type Lowering, lower } from "../lower/index.ts";
import { type Graph, type Named, simplify, type Tensor } from "../tensor/index.ts";
import { Remote, workerModule } from "./remote.ts";
import type { Arrays, Session, SessionOptions } from "./session.ts";
import type { SessionInit } from "./session-worker.ts";

export interface CompileOptions extends SessionOptions {
  /** Inputs by name that are fixed for the life of the callable. */
  readonly weights?: ReadonlyMap<string, NDArray>;
  /** The host's for inference when absent. */
  readonly target?: Lowering;
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
  { weights = new Map(), target = host.inferTarget, worker = true, ...options }: CompileOptions = {},
): Promise<Compiled> => {
  const simple = simplify(graph);
  for (const [name, leaf] of simple.inputs) {
    const value = weights.get(name);
    if (value) checkArray(`weight "${name}"`, leaf, value);
  }
  const model = lower(simple, { weights, target });
  const open = worker ? openRemoteSession : host.openSession;
  const session = guarded(await open(model, options));
  const fed = new Map([...simple.inputs].filter(([name]) => !weights.has(name)));
  const run = async (feeds: Named<NDArray>): Promise<Named<NDArray>> => {
    checkFeeds(fed, feeds);
    const results = await session.run(feeds);
    return Object.fromEntries(Object.entries(results).map(([name, array]) => [name, NDArray.from(array)]));
  };
  return Object.assign(run, { close: () => session.close() });
};

/** The same session, which closes once, after the runs before, and refuses later ones. */
const guarded = (session: Session): Session => {
  const running = new Set<Promise<Arrays>>();
  let closed: Promise<void> | undefined;
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
      await remote.call("close");
      await remote.terminate();
    },
  };
};

/** @throws ShapeError when names, shapes or dtypes are not the graph's */
export const checkFeeds = (inputs: ReadonlyMap<string, Tensor>, feeds: Named<NDArray>): void => {
  const list = (names: Iterable<string>) => [...names].sort().join(", ") || "nothing";
  const unknown = Object.keys(feeds).filter((name) => !inputs.has(name));
  const missing = [...inputs.keys()].filter((name) => !(name in feeds));
  if (unknown.length || missing.length)
    throw new ShapeError({ who: "feeds", expected: list(inputs.keys()), got: list(Object.keys(feeds)) });
  for (const [name, leaf] of inputs) checkArray(`feed "${name}"`, leaf, feeds[name] as NDArray);
};

const checkArray = (who: string, { shape, dtype }: Tensor, got: NDArray): void => {
  if (!sameShape(got.shape, shape) || got.dtype !== dtype)
    throw new ShapeError({
      who,
      expected: `${dtype}${showShape(shape)}`,
      got: `${got.dtype}${showShape(got.shape)}`,
    });
};

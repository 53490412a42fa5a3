import { readFile } from "node:fs/promises";
import { NDArray } from "../../src/base/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { type Named, type Tensor, trace } from "../../src/tensor/index.ts";

interface Saved {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** What torch and diffusers computed; see test/fixtures/README.md. */
export const fixture = JSON.parse(await readFile(new URL("../fixtures/nn.json", import.meta.url), "utf8"));

export const toArray = ({ shape, data }: Saved): NDArray => NDArray.of(data, shape);

/** Evaluates a traced function once. */
export const evaluate = async (
  feeds: Named<NDArray>,
  fn: (tensors: Named<Tensor>) => Tensor,
  leaves: ReadonlyMap<string, Tensor<"input">> = new Map(),
  values: ReadonlyMap<string, NDArray> = new Map(),
): Promise<NDArray> => {
  const graph = trace(feeds, (tensors) => ({ y: fn(tensors) }), leaves);
  const run = await compile(graph, { worker: false, weights: values });
  const { y } = await run(feeds);
  await run.close();
  return y as NDArray;
};

export const distance = (a: NDArray, b: NDArray): number =>
  Math.max(...a.sub(b).data.map((x) => Math.abs(x)));

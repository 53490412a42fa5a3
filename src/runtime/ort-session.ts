import type { DType, PlainArray } from "../base/index.ts";
import type { Session } from "./session.ts";

/** What onnxruntime's builds for Node.js and the web have in common. */
interface OrtTensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: unknown;
}
interface OrtSession<T> {
  run(feeds: Readonly<Record<string, T>>): Promise<Readonly<Record<string, OrtTensor>>>;
  release(): Promise<void>;
}

/** A session of onnxruntime as one on plain arrays. */
export const onArrays = <T>(session: OrtSession<T>, toTensor: (array: PlainArray) => T): Session => ({
  async run(feeds) {
    const tensors = Object.entries(feeds).map(([name, array]) => [name, toTensor(array)] as const);
    const results = Object.entries(await session.run(Object.fromEntries(tensors)));
    return Object.fromEntries(results.map(([name, tensor]) => [name, toArray(tensor)]));
  },
  async close() {
    await session.release();
    return [];
  },
});

const toArray = ({ type, dims, data }: OrtTensor): PlainArray => ({
  dtype: type as DType,
  shape: dims,
  data: data as PlainArray["data"],
});

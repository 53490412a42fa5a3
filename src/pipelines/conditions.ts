import { NDArray } from "../base/index.ts";

/** What a network is told of pictures beside their noise, by the names of its inputs: arrays of one row a picture. */
export type Conditions = Readonly<Record<string, NDArray>>;

/** What is said of one picture, said of n. */
export const repeated = (array: NDArray, n: number): NDArray => NDArray.concat(Array<NDArray>(n).fill(array));

/** Of as many pictures as all have together, one after the other. */
export const joined = (all: readonly Conditions[]): Conditions =>
  Object.fromEntries(
    Object.keys(all[0] ?? {}).map((name) => [name, NDArray.concat(all.map((each) => each[name] as NDArray))]),
  );

/** Along the channels of [n, c, h, w]. */
export const concatChannels = (arrays: readonly NDArray[]): NDArray => {
  const swapped = arrays.map((array) => array.transpose([1, 0, 2, 3]));
  return NDArray.concat(swapped).transpose([1, 0, 2, 3]);
};

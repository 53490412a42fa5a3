import { readFile } from "node:fs/promises";
import { NDArray } from "../../src/base/index.ts";
import { constant, type Tensor } from "../../src/tensor/index.ts";
import { type Doubles, doubles, interpret } from "./reference.ts";

/** An array of a fixture. */
export interface Saved {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** What torch computed; see test/fixtures/README.md. */
export const fixture = JSON.parse(
  await readFile(new URL("../fixtures/tensor.json", import.meta.url), "utf8"),
);

export const saved = ({ shape, data }: Saved): Doubles => doubles(shape, data);
export const arrayOf = ({ shape, data }: Saved): NDArray => NDArray.of(data, shape);
export const fixed = (value: Saved): Tensor => constant(arrayOf(value));

/** The value of a tensor that depends on nothing but constants. */
export const evaluated = (y: Tensor): Doubles => interpret([y], new Map())[0] as Doubles;

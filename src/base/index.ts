export type { Arithmetic } from "./arithmetic.ts";
export * from "./errors.ts";
export { Generator, type GeneratorState } from "./generator.ts";
export { type DType, NDArray, type PlainArray, type Storage } from "./ndarray.ts";
export { parseAs } from "./parse.ts";
export * from "./shape.ts";
export { imageGenerators, Streams } from "./streams.ts";

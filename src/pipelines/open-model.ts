import type { z } from "zod";
import { FileError, type Generator, type NDArray, parseAs, ShapeError } from "../base/index.ts";
import type { Component } from "../formats/index.ts";
import { blank, loadState } from "../nn/index.ts";

/** A kind of network: what its configuration is, and the module of one. */
export interface ModelKind<S extends z.ZodType, M extends object> {
  readonly schema: S;
  readonly build: (config: z.output<S>, random: Generator) => M;
  /** A name of a checkpoint as it is here; undefined for what is left aside. */
  readonly rename?: ((name: string, config: z.output<S>) => string | undefined) | undefined;
}

/** Tensors by name as a checkpoint has them, changed: by what is laid over them. */
export type Change = (weights: ReadonlyMap<string, NDArray>) => ReadonlyMap<string, NDArray>;

/**
 * A component's module with its weights, and closes its files.
 * @throws FileError that lists every tensor that is missing, unknown or of another shape
 */
export const openModel = async <S extends z.ZodType, M extends object>(
  { schema, build, rename = (name) => name }: ModelKind<S, M>,
  { className, folder, config: written, weights }: Component,
  change: Change = (tensors) => tensors,
): Promise<{ readonly config: z.output<S>; readonly module: M }> => {
  if (!weights) throw new FileError(folder, { expected: `weights of ${className}`, got: "none" });
  try {
    const config = parseAs(schema, written, { who: folder, expected: `a configuration of ${className}` });
    const module = build(config, blank);
    const tensors = await weights.readAll();
    const named = [...tensors].flatMap(([name, tensor]) => {
      const own = rename(name, config);
      return own === undefined ? [] : [[own, tensor] as const];
    });
    loadChanged(module, change(new Map(named)), folder, className);
    return { config, module };
  } finally {
    await weights.close();
  }
};

const loadChanged = (
  module: object,
  tensors: ReadonlyMap<string, NDArray>,
  folder: string,
  className: string,
): void => {
  try {
    loadState(module, tensors);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw new FileError(
      folder,
      { expected: `the tensors of ${className}`, got: error.got },
      { cause: error },
    );
  }
};

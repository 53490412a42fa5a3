import type { z } from "zod";
import { FileError, type Generator, type NDArray, parseAs, ShapeError } from "../base/index.ts";
import type { Component } from "../formats/index.ts";
import { blank, loadState } from "../nn/index.ts";

/** A kind of network: what its configuration is, and the module of one. */
export interface ModelKind<S extends z.ZodType, M extends object> {
  readonly schema: S;
  readonly build: (config: z.output<S>, random: Generator) => M;
  /** A name of a checkpoint as it is here; undefined for what is left aside. */
  readonly rename?: (name: string) => string | undefined;
  /** The configuration of tensors that were changed, where that tells of them. */
  readonly fitted?: (config: z.output<S>, tensors: ReadonlyMap<string, NDArray>) => z.output<S>;
}

/** Of tensors by name, those that change: by what is laid over them. */
export type Change = (weights: ReadonlyMap<string, NDArray>) => Promise<ReadonlyMap<string, NDArray>>;

/**
 * A component's module with its weights, and closes its files.
 * @throws FileError that lists every tensor that is missing, unknown or of another shape
 */
export const openModel = async <S extends z.ZodType, M extends object>(
  kind: ModelKind<S, M>,
  component: Component,
  change: Change = async () => new Map(),
): Promise<{ readonly config: z.output<S>; readonly module: M }> => {
  const { build, rename = (name) => name, fitted = (config) => config } = kind;
  const { className, folder, weights } = component;
  if (!weights) throw new FileError(folder, { expected: `weights of ${className}`, got: "none" });
  try {
    const own = ownConfig(kind, component);
    const tensors = new Map(
      [...(await weights.readAll())].flatMap(([name, tensor]) => {
        const renamed = rename(name);
        return renamed === undefined ? [] : [[renamed, tensor] as const];
      }),
    );
    for (const [name, tensor] of await change(tensors)) tensors.set(name, tensor);
    const config = fitted(own, tensors);
    const module = build(config, blank);
    loadAll(module, tensors, { folder, className });
    return { config, module };
  } finally {
    await weights.close();
  }
};

/** A component's configuration as its file has it. @throws ArgumentError for one that is of another kind */
export const ownConfig = <S extends z.ZodType, M extends object>(
  { schema }: ModelKind<S, M>,
  { className, folder, config }: Pick<Component, "className" | "folder" | "config">,
): z.output<S> => parseAs(schema, config, { who: folder, expected: `a configuration of ${className}` });

const loadAll = (
  module: object,
  tensors: ReadonlyMap<string, NDArray>,
  { folder, className }: Pick<Component, "folder" | "className">,
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

import type { NDArray } from "../base/index.ts";

/** A LoRA's tensors and what its file says beside them. */
export interface LoraFile {
  readonly tensors: ReadonlyMap<string, NDArray>;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Stands for the file in errors. */
  readonly name?: string;
}

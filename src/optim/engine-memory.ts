import type { Session } from "../runtime/index.ts";
import { checkRanges, type FlatMemory, type KernelName, LINE_BYTES } from "./flat-memory.ts";

/** Memory whose kernels the engine of a session runs, on the session's threads (native/optimizer.cc). */
export class EngineMemory implements FlatMemory {
  readonly buffers: readonly Float32Array[];
  private readonly pass: NonNullable<Session["pass"]>;

  constructor(pass: NonNullable<Session["pass"]>, { count, size }: { count: number; size: number }) {
    this.pass = pass;
    // Large arrays begin on pages: a line more each keeps their elements from the same sets of the cache.
    const bytes = size * Float32Array.BYTES_PER_ELEMENT;
    this.buffers = Array.from({ length: count }, (_, i) => {
      const start = i * LINE_BYTES;
      return new Float32Array(new ArrayBuffer(start + bytes), start, size);
    });
  }

  async run(
    kernel: KernelName,
    ranges: readonly Float32Array[],
    constants: readonly number[] = [],
  ): Promise<number> {
    checkRanges(kernel, ranges, this);
    return this.pass(kernel, ranges, constants);
  }
}

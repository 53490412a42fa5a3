import { ArgumentError } from "../base/index.ts";

/** Which arithmetic: kernels.wat says what each computes, and from which ranges and constants. */
export type KernelName = "sumOfSquares" | "adam" | "sgd";

/** A line of the cache. */
export const LINE_BYTES = 64;

/** Flat float32 buffers of one size, zeros at first, over which kernels run in place. */
export interface FlatMemory {
  readonly buffers: readonly Float32Array[];
  /**
   * Runs a kernel over equal ranges of the buffers; neither reads nor changes what lies beside them. One at a time.
   * @throws ArgumentError for arrays that do not lie in this memory or differ in length
   */
  run(kernel: KernelName, ranges: readonly Float32Array[], constants?: readonly number[]): Promise<number>;
}

/** @throws ArgumentError for ranges that are not parts of the buffers, of one length */
export const checkRanges = (
  kernel: KernelName,
  ranges: readonly Float32Array[],
  { buffers }: Pick<FlatMemory, "buffers">,
): void => {
  const length = ranges[0]?.length ?? 0;
  const known = new Set(buffers.map(({ buffer }) => buffer));
  if (ranges.some((range) => !known.has(range.buffer) || range.length !== length))
    throw new ArgumentError({
      who: kernel,
      expected: "equal ranges of this memory's buffers",
      got: "others",
    });
};

import { ArgumentError } from "../base/index.ts";
import { kernelsWasm } from "./kernels-wasm.ts";

/** Takes the address of each buffer, their one length, and the constants, as kernels.wat lists them. */
type Kernel = (...operands: readonly number[]) => number;
type KernelName = "sumOfSquares" | "adam" | "sgd";

const PAGE_BYTES = 65536;
/** What WebAssembly addresses. */
const MAX_BYTES = 2 ** 32;
/** A line of the cache, and its float32 elements. */
const LINE_BYTES = 64;
const LINE = LINE_BYTES / Float32Array.BYTES_PER_ELEMENT;

/**
 * Flat float32 buffers of one size, zeros at first, in a WebAssembly memory where kernels run over them in place.
 * The memory never grows, so its views stay valid.
 */
export class FlatMemory {
  readonly buffers: readonly Float32Array[];
  private readonly memory: WebAssembly.Memory;
  private readonly kernels: Readonly<Record<KernelName, Kernel>>;

  /** @throws ArgumentError when the buffers do not fit into the 4 GiB that WebAssembly addresses */
  constructor(count: number, size: number) {
    // A line more than needed: with buffers 99 · 2^16 bytes apart the pass was measured to take twice as long.
    const stride = (Math.ceil(size / LINE) + 1) * LINE_BYTES;
    if (count * stride > MAX_BYTES)
      throw new ArgumentError({
        who: "optimizer memory",
        expected: `at most ${(Math.floor(MAX_BYTES / count / LINE_BYTES) - 1) * LINE} parameters in ${count} buffers`,
        got: String(size),
      });
    const pages = Math.ceil((count * stride) / PAGE_BYTES);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.memory = memory;
    this.buffers = Array.from({ length: count }, (_, i) => new Float32Array(memory.buffer, i * stride, size));
    const bytes = Uint8Array.from(atob(kernelsWasm), (letter) => letter.charCodeAt(0));
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { optim: { memory } });
    this.kernels = exports as Record<KernelName, Kernel>;
  }

  /**
   * Runs a kernel over equal ranges of the buffers. It works on whole vectors of four elements; past the end of
   * a range it finds zeros, and what stood there comes back afterwards.
   * @throws ArgumentError for arrays that do not lie in this memory or differ in length
   */
  run(kernel: KernelName, ranges: readonly Float32Array[], constants: readonly number[] = []): number {
    const length = ranges[0]?.length ?? 0;
    if (ranges.some((range) => range.buffer !== this.memory.buffer || range.length !== length))
      throw new ArgumentError({
        who: kernel,
        expected: "equal ranges of this memory's buffers",
        got: "others",
      });
    const tails = ranges.map((range) => this.tailOf(range));
    const kept = tails.map((tail) => tail.slice());
    for (const tail of tails) tail.fill(0);
    const result = this.kernels[kernel](...ranges.map(({ byteOffset }) => byteOffset), length, ...constants);
    tails.forEach((tail, i) => {
      tail.set(kept[i] as Float32Array);
    });
    return result;
  }

  /** The elements behind a range that fill its last vector. */
  private tailOf({ byteOffset, byteLength, length }: Float32Array): Float32Array {
    return new Float32Array(this.memory.buffer, byteOffset + byteLength, -length & 3);
  }
}

import { ArgumentError } from "../base/index.ts";
import { checkRanges, type FlatMemory, type KernelName, LINE_BYTES } from "./flat-memory.ts";
import { kernelsWasm } from "./kernels-wasm.ts";

/** Takes the address of each buffer, their one length, and the constants, as kernels.wat lists them. */
type Kernel = (...operands: readonly number[]) => number;

const PAGE_BYTES = 65536;
/** What WebAssembly addresses. */
const MAX_BYTES = 2 ** 32;
/** Float32 elements in a line of the cache. */
const LINE = LINE_BYTES / Float32Array.BYTES_PER_ELEMENT;

/** Buffers in a WebAssembly memory (kernels.wat), which never grows, so that its views stay valid. */
export class WasmMemory implements FlatMemory {
  readonly buffers: readonly Float32Array[];
  private readonly memory: WebAssembly.Memory;
  private readonly kernels: Readonly<Record<KernelName, Kernel>>;

  /** @throws ArgumentError when the buffers do not fit into the 4 GiB that WebAssembly addresses */
  constructor({ count, size }: { count: number; size: number }) {
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

  /** A kernel works on whole vectors of four elements: past a range's end it finds zeros, and what stood there comes back. */
  async run(
    kernel: KernelName,
    ranges: readonly Float32Array[],
    constants: readonly number[] = [],
  ): Promise<number> {
    checkRanges(kernel, ranges, this);
    const length = ranges[0]?.length ?? 0;
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

import { halvesWasm } from "./halves-wasm.ts";

/** binary16, or bfloat16. */
export type Half = "widenHalves" | "widenBrainHalves";

/** What halves.wat exports. */
interface Kernels extends Readonly<Record<Half, (count: number) => void>> {
  readonly memory: WebAssembly.Memory;
}

/** Numbers taken at a time: as many as halves.wat has room for. */
const MOST = 32_768;

let instance: Kernels | undefined;
const kernels = (): Kernels => {
  if (!instance) {
    const bytes = Uint8Array.from(atob(halvesWasm), (letter) => letter.charCodeAt(0));
    instance = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as unknown as Kernels;
  }
  return instance;
};

/**
 * Makes float32 of the n numbers of 16 bits in the upper half of an array of n. After k of them 4k bytes are written,
 * and of the others the first lies at 2n + 2k, so that nothing is overwritten before it is read.
 */
export const widenInPlace = (words: Float32Array<ArrayBuffer>, half: Half): void => {
  const { memory, [half]: widen } = kernels();
  const halves = new Uint16Array(words.buffer, 2 * words.length, words.length);
  const taken = new Uint16Array(memory.buffer, 0, MOST);
  const widened = new Float32Array(memory.buffer, 2 * MOST, MOST);
  for (let at = 0; at < words.length; at += MOST) {
    const count = Math.min(MOST, words.length - at);
    taken.set(halves.subarray(at, at + count));
    widen(count);
    words.set(widened.subarray(0, count), at);
  }
};

import { ArgumentError } from "./errors.ts";
import { NDArray } from "./ndarray.ts";
import { type Shape, sizeOf } from "./shape.ts";

/** Everything needed to continue a generator bit for bit, as plain data (JSON-safe). */
export interface GeneratorState {
  readonly words: readonly number[];
  readonly position: number;
  readonly cachedNormal: number | null;
}

/**
 * torch's CPU generator: the Mersenne Twister MT19937 and the transforms that PyTorch applies to it, so
 * that a seed gives here what `torch.Generator().manual_seed(seed)` gives there: uniforms, integers and
 * permutations exactly, normals to 3e-7 (libm and SIMD cosines round differently).
 */
export class Generator {
  private readonly words = new Uint32Array(624);
  private position = 624;
  private cachedNormal: number | null = null;

  /** @param seed an integer in [0, 2^53); torch uses its low 32 bits for this engine. */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0)
      throw new ArgumentError({ who: "seed", expected: "an integer from 0 to 2^53 - 1", got: String(seed) });
    let word = seed >>> 0;
    this.words[0] = word;
    for (let i = 1; i < 624; i++) {
      word = (Math.imul(1812433253, word ^ (word >>> 30)) + i) >>> 0;
      this.words[i] = word;
    }
  }

  static restore(state: GeneratorState): Generator {
    if (state.words.length !== 624)
      throw new ArgumentError({
        who: "Generator.restore",
        expected: "624 words",
        got: String(state.words.length),
      });
    const generator = new Generator(0);
    generator.words.set(state.words);
    generator.position = state.position;
    generator.cachedNormal = state.cachedNormal;
    return generator;
  }

  get state(): GeneratorState {
    return { words: [...this.words], position: this.position, cachedNormal: this.cachedNormal };
  }

  /** The next raw 32-bit word. */
  nextWord(): number {
    if (this.position === 624) this.twist();
    let y = this.words[this.position++] as number;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** float32 uniforms in [0, 1), as `torch.rand`. */
  uniform(shape: Shape): NDArray {
    const out = new Float32Array(sizeOf(shape));
    for (let i = 0; i < out.length; i++) out[i] = this.nextUniform();
    return new NDArray(out, shape);
  }

  /** float32 uniforms in [-bound, bound), as torch's `uniform_(-bound, bound)`. */
  symmetric(shape: Shape, bound: number): NDArray {
    return this.uniform(shape)
      .mul(2 * bound)
      .sub(bound);
  }

  /** float32 standard normals, as `torch.randn` on a contiguous tensor of this shape. */
  normal(shape: Shape): NDArray {
    const out = new Float32Array(sizeOf(shape));
    if (out.length < 16) {
      for (let i = 0; i < out.length; i++) out[i] = this.nextNormal();
      return new NDArray(out, shape);
    }
    for (let i = 0; i < out.length; i++) out[i] = this.nextUniform();
    for (let i = 0; i + 16 <= out.length; i += 16) boxMuller16(out, i);
    if (out.length % 16 !== 0) {
      const tail = out.length - 16;
      for (let i = tail; i < out.length; i++) out[i] = this.nextUniform();
      boxMuller16(out, tail);
    }
    return new NDArray(out, shape);
  }

  /** int32 integers in [low, high), as `torch.randint`, which draws two words for ranges of 2^28 and more. */
  integers(low: number, high: number, shape: Shape): NDArray {
    if (
      !Number.isInteger(low) ||
      !Number.isInteger(high) ||
      low < -(2 ** 31) ||
      high <= low ||
      high > 2 ** 31
    )
      throw new ArgumentError({
        who: "integers",
        expected: "whole numbers -2^31 <= low < high <= 2^31",
        got: `[${low}, ${high})`,
      });
    const range = high - low;
    const draw = range < 2 ** 28 ? () => this.nextWord() % range : () => this.nextWide(range);
    const out = new Int32Array(sizeOf(shape));
    for (let i = 0; i < out.length; i++) out[i] = low + draw();
    return new NDArray(out, shape, "int32");
  }

  /** An int32 permutation of 0 … n - 1, as `torch.randperm`, which shuffles otherwise from 214748364 on. */
  permutation(n: number): NDArray {
    if (!Number.isInteger(n) || n < 0 || n >= 214748364)
      throw new ArgumentError({
        who: "permutation",
        expected: "a whole number below 214748364",
        got: String(n),
      });
    const out = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = 0; i < n - 1; i++) {
      const j = i + (this.nextWord() % (n - i));
      const held = out[i] as number;
      out[i] = out[j] as number;
      out[j] = held;
    }
    return new NDArray(out, [n], "int32");
  }

  private nextUniform(): number {
    return (this.nextWord() & 0xffffff) * 2 ** -24;
  }

  /** 64 random bits, the first word high, modulo a range. */
  private nextWide(range: number): number {
    const high = BigInt(this.nextWord());
    return Number(((high << 32n) | BigInt(this.nextWord())) % BigInt(range));
  }

  /** 53 random bits in [0, 1). torch joins two words, the first one high. */
  private nextDouble(): number {
    const high = this.nextWord();
    const low = this.nextWord();
    return ((high & 0x1fffff) * 2 ** 32 + low) * 2 ** -53;
  }

  private nextNormal(): number {
    if (this.cachedNormal !== null) {
      const value = this.cachedNormal;
      this.cachedNormal = null;
      return value;
    }
    const angle = 2 * Math.PI * this.nextDouble();
    const radius = Math.sqrt(-2 * Math.log1p(-this.nextDouble()));
    this.cachedNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  private twist(): void {
    const w = this.words;
    for (let i = 0; i < 624; i++) {
      const y = ((w[i] as number) & 0x80000000) | ((w[(i + 1) % 624] as number) & 0x7fffffff);
      w[i] = (w[(i + 397) % 624] as number) ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.position = 0;
  }
}

/** Box–Muller over a block of 16 uniforms, in float32 as torch's vectorised kernel does. */
const boxMuller16 = (data: Float32Array, start: number): void => {
  const round = Math.fround;
  for (let j = start; j < start + 8; j++) {
    const u1 = round(1 - (data[j] as number));
    const u2 = data[j + 8] as number;
    const radius = round(Math.sqrt(round(-2 * round(Math.log(u1)))));
    const theta = round(round(2 * Math.PI) * u2);
    data[j] = radius * round(Math.cos(theta));
    data[j + 8] = radius * round(Math.sin(theta));
  }
};

import { Generator, type GeneratorState } from "./generator.ts";

/** 32-bit FNV-1a, with a final mix so that near names and seeds give far streams. */
const hash = (text: string): number => {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
};

/**
 * The named random streams of one seed. Every draw of a run comes from one of them ("data order",
 * "noise", "dropout", …), so that adding a draw to one purpose does not shift another.
 */
export class Streams {
  readonly seed: number;
  private readonly generators = new Map<string, Generator>();

  constructor(seed: number) {
    this.seed = seed;
  }

  /** The stream of this name, made on first use. */
  get(name: string): Generator {
    const known = this.generators.get(name);
    if (known) return known;
    const made = new Generator(hash(`${this.seed}/${name}`));
    this.generators.set(name, made);
    return made;
  }

  get state(): Record<string, GeneratorState> {
    return Object.fromEntries([...this.generators].map(([name, generator]) => [name, generator.state]));
  }

  static restore(seed: number, state: Readonly<Record<string, GeneratorState>>): Streams {
    const streams = new Streams(seed);
    for (const [name, saved] of Object.entries(state)) streams.generators.set(name, Generator.restore(saved));
    return streams;
  }
}

/**
 * One generator an image: image k of a batch with seed s draws from torch's generator of seed s + k,
 * so that it can be made again alone.
 */
export const imageGenerators = (seed: number, count: number): Generator[] =>
  Array.from({ length: count }, (_, k) => new Generator(seed + k));

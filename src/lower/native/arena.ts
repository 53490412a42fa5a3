import { ALIGN } from "./words.ts";

/** A piece of memory and the steps between which it is needed, both included. */
export interface Lifetime {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/** Where pieces lie in one arena, in units of ALIGN, so that none overlaps another that lives at the same time. */
export interface Layout {
  readonly offsets: readonly number[];
  readonly size: number;
}

/** The largest pieces choose first, each the lowest gap that it fits. */
export const arrange = (pieces: readonly Lifetime[]): Layout => {
  const units = pieces.map(({ bytes }) => Math.ceil(bytes / ALIGN));
  const offsets = pieces.map(() => 0);
  const placed: number[] = []; // by offset
  let size = 0;
  const largest = [...pieces.keys()].sort((a, b) => (units[b] as number) - (units[a] as number));
  for (const i of largest) {
    const { first, last } = pieces[i] as Lifetime;
    let offset = 0;
    for (const j of placed) {
      const other = pieces[j] as Lifetime;
      if (other.last < first || last < other.first) continue;
      if (offset + (units[i] as number) <= (offsets[j] as number)) break;
      offset = Math.max(offset, (offsets[j] as number) + (units[j] as number));
    }
    offsets[i] = offset;
    size = Math.max(size, offset + (units[i] as number));
    const after = placed.findIndex((j) => (offsets[j] as number) > offset);
    placed.splice(after === -1 ? placed.length : after, 0, i);
  }
  return { offsets, size };
};

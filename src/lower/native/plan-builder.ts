import { type DType, type NDArray, type Shape, sizeOf } from "../../base/index.ts";
import { arrange } from "./arena.ts";
import type { Value } from "./view.ts";
import {
  ALIGN,
  bytesOf,
  dtypeWord,
  MAGIC,
  type Opcode,
  opcodes,
  type Place,
  places,
  type Storage,
} from "./words.ts";

/** A value as an operand, or a number among the words. */
export type Word = number | Value | null;

interface Step {
  readonly opcode: Opcode;
  readonly words: readonly Word[];
  /** A result that may lie over one of these inputs, if that ends here. */
  readonly over?: { readonly result: Value; readonly inputs: readonly Value[] };
}

/** What is fed to a plan, or comes out. */
export interface Port {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Collects values and steps, and writes them as words. */
export class PlanBuilder {
  readonly #values: Value[] = [];
  readonly #steps: Step[] = [];
  readonly #constants: (NDArray | string)[] = [];
  readonly #ports: Readonly<Record<"feed" | "output", Port[]>> = { feed: [], output: [] };

  /** Memory for a result. */
  arena(dtype: Storage, dims: Shape): Value {
    return this.#value(dtype, dims, "arena", 0);
  }

  /** Memory of the caller's. */
  port(place: "feed" | "output", port: Port): Value {
    return this.#value(port.dtype, port.shape, place, this.#ports[place].push(port) - 1);
  }

  constant(value: NDArray): Value {
    return this.#value(value.dtype, value.shape, "constant", this.#constants.push(value) - 1);
  }

  /** A constant that is not in the plan: who opens it has it under this name. */
  held({ name, dtype, shape }: Port): Value {
    return this.#value(dtype, shape, "constant", this.#constants.push(name) - 1);
  }

  /** The same memory under other dims. */
  under(value: Value, dims: Shape): Value {
    const same = this.#value(value.dtype, dims, value.place, value.index);
    same.of = value.of;
    return same;
  }

  step(opcode: Opcode, ...words: readonly Word[]): void {
    this.#steps.push({ opcode, words });
  }

  /** A Map step whose result may lie over inputs that are walked as it is. */
  map(words: readonly Word[], result: Value, inputs: readonly Value[]): void {
    this.#steps.push({ opcode: "map", words, over: { result, inputs } });
  }

  /**
   * The plan as bytes: MAGIC and the length of what follows as JSON, ports, lengths and names as JSON, words, constants,
   * each at a multiple of ALIGN.
   */
  finish(): Uint8Array {
    this.#overlay();
    const lifetimes = this.#lifetimes();
    const owners = [...lifetimes.keys()];
    const { offsets, size } = arrange([...lifetimes.values()]);
    const offsetOf = new Map(owners.map((value, i) => [value, offsets[i] as number]));
    const location = ({ place, index, of }: Value): number =>
      place === "arena" ? (offsetOf.get(of) ?? 0) : index;
    const { feed, output } = this.#ports;
    const words = [MAGIC, this.#values.length, this.#steps.length, size, feed.length, output.length];
    for (const value of this.#values)
      words.push(
        dtypeWord(value.dtype),
        places[value.place],
        location(value),
        value.dims.length,
        ...value.dims,
      );
    for (const step of this.#steps) {
      const body = step.words.map((word) => (typeof word === "number" ? word : word === null ? -1 : word.id));
      words.push(opcodes[step.opcode], body.length, ...body);
    }
    const about = {
      feeds: feed,
      outputs: output,
      words: words.length,
      constants: this.#constants.map((each) => (typeof each === "string" ? each : each.data.byteLength)),
    };
    const within = this.#constants.filter((each) => typeof each !== "string");
    return joined(
      about,
      Int32Array.from(words),
      within.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
    );
  }

  #value(dtype: Storage, dims: Shape, place: Place, index: number): Value {
    const value = { id: this.#values.length, dtype, dims, place, index } as Value;
    value.of = value;
    this.#values.push(value);
    return value;
  }

  /** Lays results over inputs that end where they begin. */
  #overlay(): void {
    const lifetimes = this.#lifetimes();
    for (const [index, { over }] of this.#steps.entries()) {
      if (over?.result.place !== "arena") continue;
      const own = lifetimes.get(over.result.of);
      const under = over.inputs.find(({ place, of, dtype }) => {
        const life = lifetimes.get(of);
        return (
          place === "arena" &&
          life?.last === index &&
          life.bytes === own?.bytes &&
          dtype === over.result.dtype
        );
      });
      const life = under && lifetimes.get(under.of);
      if (!own || !life || own.first !== index) continue;
      life.last = own.last;
      const moved = over.result.of;
      for (const value of this.#values) if (value.of === moved) value.of = under.of;
    }
  }

  /** Of what lies in the arena, by the value that owns the memory. */
  #lifetimes(): Map<Value, { bytes: number; first: number; last: number }> {
    const found = new Map<Value, { bytes: number; first: number; last: number }>();
    for (const [index, { words }] of this.#steps.entries())
      for (const word of words) {
        if (word === null || typeof word === "number" || word.place !== "arena") continue;
        const own = found.get(word.of);
        if (own) own.last = index;
        else
          found.set(word.of, { bytes: sizeOf(word.dims) * bytesOf(word.dtype), first: index, last: index });
      }
    return found;
  }
}

const aligned = (bytes: number): number => Math.ceil(bytes / ALIGN) * ALIGN;

const joined = (about: object, words: Int32Array, constants: readonly Uint8Array[]): Uint8Array => {
  const json = new TextEncoder().encode(JSON.stringify(about));
  const wordsAt = aligned(8 + json.length);
  let end = aligned(wordsAt + words.byteLength);
  const placed = constants.map((array) => {
    const at = end;
    end += aligned(array.byteLength);
    return { at, array };
  });
  const bytes = new Uint8Array(end);
  new Int32Array(bytes.buffer, 0, 2).set([MAGIC, json.length]);
  bytes.set(json, 8);
  bytes.set(new Uint8Array(words.buffer), wordsAt);
  for (const { at, array } of placed) bytes.set(array, at);
  return bytes;
};

/** A plan's parts as {@link PlanBuilder.finish} joined them; null for bytes that are something else. */
export interface Plan {
  readonly feeds: readonly Port[];
  readonly outputs: readonly Port[];
  readonly words: Int32Array;
  /** Bytes, or the name under which who opens the plan has them. */
  readonly constants: readonly (Uint8Array | string)[];
}

export const readPlan = (bytes: Uint8Array): Plan | null => {
  const [magic, length = 0] = new Int32Array(bytes.slice(0, 8).buffer);
  if (magic !== MAGIC) return null;
  const about = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const wordsAt = aligned(8 + length);
  const words = new Int32Array(bytes.slice(wordsAt, wordsAt + 4 * about.words).buffer);
  let at = aligned(wordsAt + words.byteLength);
  const constants = (about.constants as readonly (number | string)[]).map((each) => {
    if (typeof each === "string") return each;
    const array = bytes.subarray(at, at + each);
    at += aligned(each);
    return array;
  });
  return { ...about, words, constants };
};

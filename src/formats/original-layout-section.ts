import { type Shape, showShape } from "../base/index.ts";
import type { OriginalPart, Renaming, Shapes, TensorRules } from "./original-layout-rule.ts";

/** One network's tensors in a file of several, by their names inside it. */
export class Section {
  readonly prefix: string;
  readonly #shapes: ReadonlyMap<string, Shape>;
  readonly #faults: Set<string>;

  /** @param faults is told of every tensor that was asked for and is not there, or not of such a shape */
  constructor(shapes: Shapes, prefix: string, faults: Set<string>) {
    this.prefix = prefix;
    this.#faults = faults;
    this.#shapes = new Map(
      [...shapes]
        .filter(([name]) => name.startsWith(prefix))
        .map(([name, { shape }]) => [name.slice(prefix.length), shape]),
    );
  }

  /** Reads a network; where none of its tensors is there, that is one fault. */
  read(read: (section: Section) => OriginalPart): OriginalPart {
    if (this.#shapes.size > 0) return read(this);
    this.#faults.add(`no ${this.prefix}*`);
    return { config: {}, rules: new Map() };
  }

  has(name: string): boolean {
    return this.#shapes.has(name);
  }

  /** The number of axes, 0 for what is not there. */
  rank(name: string): number {
    return this.#shapes.get(name)?.length ?? 0;
  }

  /** The size of an axis; NaN, and a fault, where there is none. */
  size(name: string, axis: number): number {
    const shape = this.#shapes.get(name);
    const size = shape?.[axis];
    if (size === undefined)
      this.#faults.add(shape ? `${this.prefix}${name} is ${showShape(shape)}` : `no ${this.prefix}${name}`);
    return size ?? Number.NaN;
  }

  /** How many parts are numbered behind `before`: one more than the highest number, of two digits at most. */
  count(before: string): number {
    const numbers = [...this.#shapes.keys()]
      .filter((name) => name.startsWith(before))
      .map((name) => /^(\d{1,2})\./.exec(name.slice(before.length))?.[1] ?? -1);
    return 1 + Math.max(-1, ...numbers.map(Number));
  }

  /** Rules by the names of the whole file. */
  rules(renamings: readonly Renaming[]): TensorRules {
    return new Map(
      renamings.map(([target, rule]) => [target, { ...rule, source: `${this.prefix}${rule.source}` }]),
    );
  }
}

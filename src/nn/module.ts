import { type NDArray, ShapeError, showShape } from "../base/index.ts";
import { Parameter, Tensor } from "../tensor/index.ts";

/** A leaf that a module keeps under a name but does not learn: a graph input that carries its host value. */
export class Buffer extends Tensor<"input"> {
  value: NDArray;

  constructor(value: NDArray) {
    super("input", [], { shape: value.shape, dtype: value.dtype });
    this.value = value;
  }
}

/**
 * Every leaf of a kind in a module, by its path of keys joined by dots. A module is a plain object or array;
 * holes of arrays are passed over, so that names can be those of other libraries (`to_out.0`).
 */
const collect = <L extends Tensor>(
  module: object,
  kind: new (value: NDArray) => L,
  prefix = "",
): Map<string, L> =>
  new Map(
    Object.entries(module).flatMap(([key, part]): (readonly [string, L])[] => {
      if (part instanceof kind) return [[prefix + key, part]];
      if (part instanceof Tensor || typeof part !== "object" || part === null) return [];
      return [...collect(part, kind, `${prefix}${key}.`)];
    }),
  );

/** What a module learns, by name. */
export const parameters = (module: object): Map<string, Parameter> => collect(module, Parameter);

/** What a module keeps but does not learn, by name. */
export const buffers = (module: object): Map<string, Buffer> => collect(module, Buffer);

/** Parameters and buffers, by name: what a traced function of the module closes over. */
export const leaves = (module: object): Map<string, Parameter | Buffer> =>
  new Map<string, Parameter | Buffer>([...parameters(module), ...buffers(module)]);

/** Values of all parameters and buffers, by name. */
export const stateOf = (module: object): Map<string, NDArray> =>
  new Map([...leaves(module)].map(([name, { value }]) => [name, value]));

/**
 * Replaces the values of all parameters and buffers.
 * @throws ShapeError that lists every name that is missing, unknown or of another shape; nothing is changed then
 */
export const loadState = (module: object, state: ReadonlyMap<string, NDArray>): void => {
  const own = leaves(module);
  const faults = [
    ...[...own].flatMap(([name, leaf]) => fault(name, leaf, state.get(name))),
    ...[...state.keys()].flatMap((name) => (own.has(name) ? [] : [`unknown ${name}`])),
  ];
  if (faults.length)
    throw new ShapeError({ who: "loadState", expected: "the module's own tensors", got: faults.join("; ") });
  for (const [name, leaf] of own) leaf.value = state.get(name) as NDArray;
};

const fault = (name: string, { shape, dtype }: Tensor, value: NDArray | undefined): string[] => {
  if (!value) return [`no ${name}`];
  const [wanted, got] = [`${dtype}${showShape(shape)}`, `${value.dtype}${showShape(value.shape)}`];
  return wanted === got ? [] : [`${name} is ${got} instead of ${wanted}`];
};

import { ArgumentError, NDArray, type Shape } from "../base/index.ts";

/** What of a source's tensor is meant, where it is not all of it as it is. */
export type Take =
  | {
      readonly kind: "rows";
      readonly start: number;
      readonly end: number;
      /** How many there are. */
      readonly of: number;
    }
  /** Of a matrix. */
  | { readonly kind: "transposed" }
  /** A 1×1 convolution's kernel [o, i, 1, 1] as the matrix [o, i]. */
  | { readonly kind: "squeezed" };

/** Where one tensor lies under another layout. */
export interface TensorRule {
  readonly source: string;
  readonly take?: Take;
}
/** A layout in terms of another: the wanted names, and where each lies. */
export type TensorRules = ReadonlyMap<string, TensorRule>;

/** One network: its configuration under diffusers' or transformers' keys, and where its tensors lie. */
export interface OriginalPart {
  readonly config: Readonly<Record<string, unknown>>;
  readonly rules: TensorRules;
}

/** Names and shapes, all that a layout is recognised by: a map of arrays, or the index of a file that is not read yet. */
export type Shapes = ReadonlyMap<string, { readonly shape: Shape }>;

/** The shape of what a rule takes of a tensor. */
export const takenShape = ({ take }: TensorRule, shape: Shape): Shape => {
  switch (take?.kind) {
    case "rows":
      return [take.end - take.start, ...shape.slice(1)];
    case "transposed":
      return shape.toReversed();
    case "squeezed":
      return shape.slice(0, 2);
    default:
      return shape;
  }
};

/** What a rule takes of a tensor; shares its memory where it is not transposed. */
export const takeTensor = (rule: TensorRule, array: NDArray): NDArray => {
  switch (rule.take?.kind) {
    case "rows":
      return array.rows(rule.take.start, rule.take.end);
    case "transposed":
      return array.transpose();
    default:
      return new NDArray(array.data, takenShape(rule, array.shape), array.dtype);
  }
};

/** Tensors under their wanted names. @throws ArgumentError that lists every source that is not there */
export const renameTensors = (
  tensors: ReadonlyMap<string, NDArray>,
  rules: TensorRules,
): Map<string, NDArray> => {
  const missing = [...rules.values()].filter(({ source }) => !tensors.has(source));
  if (missing.length)
    throw new ArgumentError({
      who: "renameTensors",
      expected: "every tensor that the rules name",
      got: `no ${[...new Set(missing.map(({ source }) => source))].join(", ")}`,
    });
  return new Map(
    [...rules].map(([name, rule]) => [name, takeTensor(rule, tensors.get(rule.source) as NDArray)]),
  );
};

/** A wanted name and its rule. */
export type Renaming = readonly [target: string, rule: TensorRule];

export const weightOf = (target: string, source: string): Renaming => [
  `${target}.weight`,
  { source: `${source}.weight` },
];

/** Weight and bias of one module. */
export const moduleOf = (target: string, source: string): readonly Renaming[] => [
  weightOf(target, source),
  [`${target}.bias`, { source: `${source}.bias` }],
];

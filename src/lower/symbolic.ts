import { ArgumentError, type DType } from "../base/index.ts";
import { type ConstantData, OnnxBuilder, type OnnxNode, type OnnxSize } from "./onnx-builder.ts";

/** A graph lowered at known sizes of its symbols. */
export interface Witness {
  readonly sizes: Readonly<Record<string, number>>;
  readonly onnx: OnnxBuilder;
}

/** numerator · (product of symbols) / denominator. */
export interface SizeFormula {
  readonly symbols: readonly string[];
  readonly numerator: number;
  readonly denominator: number;
}
/** A shape of which some sizes are formulas of symbols. */
export type SymbolicShape = readonly (number | SizeFormula)[];

/** An input of a graph of many sizes. */
export interface SymbolicInput {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: SymbolicShape;
}

/** One graph for all sizes. */
export interface Unified {
  readonly onnx: OnnxBuilder;
  readonly inputs: readonly SymbolicInput[];
}

/**
 * One graph from the same function lowered at several sizes: where the graphs differ in a number, that number is found
 * as a formula of the sizes, and computed from the inputs' shapes when the graph runs. So no lowering rule knows of
 * symbols.
 * @throws ArgumentError when the graphs differ in form, or a number follows no formula
 */
export const unify = (witnesses: readonly Witness[]): Unified => {
  const merged = new OnnxBuilder();
  const graphs = witnesses.map(({ onnx }) => indexed(onnx));
  const formula = (values: readonly number[]): number | SizeFormula => formulaOf(values, witnesses);
  const inputs = (witnesses[0] as Witness).onnx.inputs.map(({ name, dtype }, i) => {
    const shapes = witnesses.map(({ onnx }) => onnx.inputs[i]?.shape as readonly number[]);
    const shape = (shapes[0] ?? []).map((_, axis) => formula(shapes.map((sizes) => sizes[axis] as number)));
    merged.input(name, dtype, shape.map(sizeText));
    return { name, dtype, shape };
  });
  for (const [name, value] of (witnesses[0] as Witness).onnx.weights) merged.weight(name, value);

  /** The size of a symbol, [1], from the first input that has it for an axis. */
  const symbolSize = (symbol: string): string => {
    for (const { name, shape } of inputs) {
      const axis = shape.findIndex((size) => typeof size !== "number" && sizeText(size) === symbol);
      if (axis !== -1)
        return merged.node("Gather", [merged.node("Shape", [name], {}), merged.int64([axis])], { axis: 0 });
    }
    throw new ArgumentError({
      who: "symbolic sizes",
      expected: `an input with an axis ${symbol}`,
      got: "none",
    });
  };
  const computed = ({ symbols, numerator, denominator }: SizeFormula): string => {
    const [first = "", ...rest] = symbols.map(symbolSize);
    const product = rest.reduce((left, right) => merged.node("Mul", [left, right]), first);
    const scaled = numerator === 1 ? product : merged.node("Mul", [product, merged.int64([numerator])]);
    return denominator === 1 ? scaled : merged.node("Div", [scaled, merged.int64([denominator])]);
  };
  const list = (shape: SymbolicShape): string => {
    if (shape.every((size) => typeof size === "number")) return merged.int64(shape as readonly number[]);
    const parts = shape.map((size) => (typeof size === "number" ? merged.int64([size]) : computed(size)));
    return parts.length === 1 ? (parts[0] as string) : merged.node("Concat", parts, { axis: 0 });
  };

  const constant = (values: readonly ConstantData[]): string => {
    const [first, ...others] = values as [ConstantData, ...ConstantData[]];
    if (others.every((other) => sameConstant(first, other)))
      return merged.constant(keyOf(first), () => first);
    const ranks = new Set(values.map(({ shape }) => shape.length));
    if (values.every(({ type }) => type === "int64") && ranks.size === 1 && first.shape.length === 1)
      return list([...first.data].map((_, i) => formula(values.map(({ data }) => Number(data[i])))));
    const value = first.data[0];
    if (
      ranks.size !== 1 ||
      first.type !== "float32" ||
      !values.every(({ data }) => data.every((x) => x === value))
    )
      throw refused(
        "a constant",
        values.map(({ type, shape }) => `${type}[${shape}]`),
      );
    const shape = first.shape.map((_, axis) => formula(values.map(({ shape }) => shape[axis] as number)));
    return merged.node("Expand", [merged.float(Number(value)), list(shape)]);
  };

  const known = new Map<string, string>();
  const resolve = (names: readonly string[]): string => {
    const key = names.join("|");
    const found = known.get(key) ?? unknown(names);
    known.set(key, found);
    return found;
  };
  const unknown = (names: readonly string[]): string => {
    const [own = ""] = names;
    if (graphs[0]?.leaves.has(own) || own === "") {
      if (names.every((name) => name === own)) return own;
      throw refused("an input", names);
    }
    const constants = names.map((name, k) => witnesses[k]?.onnx.constants.get(name));
    if (constants.every((value) => value !== undefined)) return constant(constants as ConstantData[]);
    const made = names.map((name, k) => graphs[k]?.producers.get(name));
    const [first] = made;
    if (!first || !made.every((other) => other && sameKind(first, other)))
      throw refused(
        "an operation",
        made.map((other) => other?.node.opType ?? "a constant"),
      );
    const inputs = first.node.inputs.map((_, i) =>
      resolve(made.map((other) => other?.node.inputs[i] as string)),
    );
    const { opType, attributes, outputs } = first.node;
    return merged.results(opType, inputs, attributes, outputs.length)[first.index] as string;
  };

  for (const [i, { name, dtype }] of (witnesses[0] as Witness).onnx.outputs.entries()) {
    const outputs = witnesses.map(({ onnx }) => onnx.outputs[i]);
    const shapes = outputs.map((output) => output?.shape as readonly number[]);
    const shape = (shapes[0] ?? []).map((_, axis) => formula(shapes.map((sizes) => sizes[axis] as number)));
    merged.output(
      name,
      resolve(outputs.map((output) => output?.value as string)),
      dtype,
      shape.map(sizeText),
    );
  }
  return { onnx: merged, inputs };
};

interface Made {
  readonly node: OnnxNode;
  readonly index: number;
}

/** What makes each name, and the names that nothing makes. */
const indexed = ({ nodes, inputs, weights }: OnnxBuilder) => ({
  producers: new Map<string, Made>(
    nodes.flatMap((node) => node.outputs.map((name, index) => [name, { node, index }] as const)),
  ),
  leaves: new Set([...inputs.map(({ name }) => name), ...weights.keys()]),
});

const sameKind = (a: Made, b: Made): boolean =>
  a.index === b.index &&
  a.node.opType === b.node.opType &&
  a.node.inputs.length === b.node.inputs.length &&
  a.node.outputs.length === b.node.outputs.length &&
  JSON.stringify(a.node.attributes) === JSON.stringify(b.node.attributes);

const keyOf = ({ type, shape, data }: ConstantData): string => `${type}[${shape}]${data.join()}`;

const sameConstant = (a: ConstantData, b: ConstantData): boolean =>
  a.type === b.type &&
  a.shape.join() === b.shape.join() &&
  a.data.length === b.data.length &&
  a.data.every((value, i) => value === b.data[i]);

const refused = (what: string, found: readonly string[]): ArgumentError =>
  new ArgumentError({
    who: "symbolic sizes",
    expected: "a function whose graph has one form at every size",
    got: `${what} that changes with the size: ${found.join(", ")}`,
  });

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** The number itself where it is one, else the product of fewest symbols that it is a fixed multiple of. */
const formulaOf = (values: readonly number[], witnesses: readonly Witness[]): number | SizeFormula => {
  const [first = 0] = values;
  if (values.every((value) => value === first)) return first;
  for (const symbols of subsets(Object.keys(witnesses[0]?.sizes ?? {}))) {
    const products = witnesses.map(({ sizes }) =>
      symbols.reduce((product, s) => product * (sizes[s] as number), 1),
    );
    const [product = 1] = products;
    if (!values.every((value, k) => value * product === first * (products[k] as number))) continue;
    const common = gcd(first, product);
    return { symbols, numerator: first / common, denominator: product / common };
  }
  throw refused("a size", values.map(String));
};

/** All but the empty one, the smallest first. */
const subsets = (names: readonly string[]): string[][] =>
  Array.from({ length: 2 ** names.length - 1 }, (_, mask) =>
    names.filter((_, i) => ((mask + 1) >> i) & 1),
  ).sort((a, b) => a.length - b.length);

/** A size as ONNX shows it. */
export const sizeText = (size: number | SizeFormula): OnnxSize => {
  if (typeof size === "number") return size;
  const product = [...(size.numerator === 1 ? [] : [size.numerator]), ...size.symbols].join("*");
  return size.denominator === 1 ? product : `${product}/${size.denominator}`;
};

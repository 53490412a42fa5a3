import type { NDArray } from "../../src/base/index.ts";
import type { ConvGeometry, NormAttributes, OpName, Tensor } from "../../src/tensor/index.ts";
import { topologicalOrder } from "../../src/tensor/index.ts";

/** A row-major array in double precision; bools are 0 and 1. */
export interface Doubles {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export const doubles = (shape: readonly number[], values: Iterable<number>): Doubles => ({
  shape,
  data: Float64Array.from(values),
});
export const toDoubles = ({ shape, data }: NDArray): Doubles => doubles(shape, data);

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** Flat position of an index; axes that the array lacks or has once are ignored, as broadcasting has it. */
const offset = (shape: readonly number[], index: readonly number[]): number => {
  const lead = index.length - shape.length;
  return shape.reduce((sum, n, axis) => sum * n + (n === 1 ? 0 : (index[axis + lead] as number)), 0);
};
const read = ({ shape, data }: Doubles, index: readonly number[]): number =>
  data[offset(shape, index)] as number;

const at = ({ data }: Doubles, position: number): number => data[position] as number;

/** Every index of a shape in row-major order. */
const indices = (shape: readonly number[]): number[][] => {
  const known = listed.get(shape.join());
  if (known) return known;
  const list = shape.reduce<number[][]>(
    (heads, n) => heads.flatMap((head) => Array.from({ length: n }, (_, i) => [...head, i])),
    [[]],
  );
  listed.set(shape.join(), list);
  return list;
};
const listed = new Map<string, number[][]>();

const build = (shape: readonly number[], at: (index: number[]) => number): Doubles =>
  doubles(shape, indices(shape).map(at));

/** Adds `value(index)` at `to(index)` of a zero array for every index of `over`. */
const accumulate = (
  shape: readonly number[],
  over: readonly number[],
  to: (index: number[]) => readonly number[],
  value: (index: number[]) => number,
): Doubles => {
  const data = new Float64Array(sizeOf(shape));
  for (const index of indices(over)) {
    const target = offset(shape, to(index));
    data[target] = (data[target] as number) + value(index);
  }
  return { shape, data };
};

type Reference<K extends OpName> = (inputs: readonly Doubles[], node: Tensor<K>) => Doubles;

const elementwise =
  (f: (...values: number[]) => number) =>
  (inputs: readonly Doubles[], { shape }: Tensor): Doubles => {
    const [x] = inputs;
    if (x && inputs.length === 1) return { shape, data: x.data.map((value) => f(value)) };
    return build(shape, (index) => f(...inputs.map((each) => read(each, index))));
  };

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** 2/√π · exp(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (2n + 1)!!, whose terms do not cancel. */
const erf = (x: number): number => {
  if (Math.abs(x) > 6) return Math.sign(x); // the rest is 2e-17
  let [sum, term] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
};
const siluSlope = (h: number): number => sigmoid(h) * (1 + h * (1 - sigmoid(h)));

const only = (inputs: readonly Doubles[]): Doubles => inputs[0] as Doubles;
const pair = (inputs: readonly Doubles[]) => inputs as readonly [Doubles, Doubles];

const truncated: Readonly<Record<string, (x: number) => number>> = {
  float32: (x) => x,
  int32: Math.trunc,
  uint8: Math.trunc,
  bool: (x) => Number(x !== 0),
};

/** Visits the flat positions (x, weight, y) of every product in a convolution, padding left out. */
const convolve = (
  [n = 0, c = 0, h = 0, w = 0]: readonly number[],
  [m = 0, , kh = 0, kw = 0]: readonly number[],
  [oh = 0, ow = 0]: readonly number[],
  { stride, padding: [top, left] }: ConvGeometry,
  visit: (x: number, weight: number, y: number) => void,
): void => {
  for (const [s = 0, o = 0, i = 0, r = 0, q = 0] of indices([n, m, c, oh, ow]))
    for (let a = 0; a < kh; a++)
      for (let b = 0; b < kw; b++) {
        const [row, column] = [r * stride + a - top, q * stride + b - left];
        if (row < 0 || row >= h || column < 0 || column >= w) continue;
        const pixel = ((s * c + i) * h + row) * w + column;
        visit(pixel, ((o * c + i) * kh + a) * kw + b, ((s * m + o) * oh + r) * ow + q);
      }
};

/** Adds a·b at the target's position for every triple of positions that `walk` visits. */
const products = (
  shape: readonly number[],
  walk: (visit: (x: number, weight: number, y: number) => void) => void,
  term: (x: number, weight: number, y: number) => readonly [target: number, value: number],
): Doubles => {
  const data = new Float64Array(sizeOf(shape));
  walk((...positions) => {
    const [target, value] = term(...positions);
    data[target] = (data[target] as number) + value;
  });
  return { shape, data };
};

const into = (shape: readonly number[]) => {
  const data = new Float64Array(sizeOf(shape));
  const add = (index: readonly number[], value: number): void => {
    const target = offset(shape, index);
    data[target] = (data[target] as number) + value;
  };
  return { result: { shape, data }, add };
};

/** Standardised x and each element's deviation, by plain loops over the groups. */
const standardise = (x: Doubles, { groups, eps }: NormAttributes) => {
  const [n = 0] = x.shape;
  const length = x.data.length / (n * groups);
  const [standard, deviation] = [new Float64Array(x.data.length), new Float64Array(n * groups)];
  for (let group = 0; group < n * groups; group++) {
    const values = x.data.subarray(group * length, (group + 1) * length);
    const mean = values.reduce((sum, value) => sum + value, 0) / length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / length;
    deviation[group] = Math.sqrt(variance + eps);
    for (let i = 0; i < length; i++)
      standard[group * length + i] = ((values[i] as number) - mean) / (deviation[group] as number);
  }
  return { standard: { shape: x.shape, data: standard }, deviation, length };
};

const groupNormGrad: Reference<"groupNormGrad"> = (inputs, { attributes }) => {
  const [x, scale, shift, dy] = inputs as [Doubles, Doubles, Doubles, Doubles];
  const { standard, deviation, length } = standardise(x, attributes);
  const channel = ([, c = 0]: readonly number[]) => [c];
  const dh = build(x.shape, (index) => {
    const h = read(standard, index) * read(scale, channel(index)) + read(shift, channel(index));
    return read(dy, index) * (attributes.silu ? siluSlope(h) : 1);
  });
  if (attributes.wrt === "shift")
    return accumulate(shift.shape, x.shape, channel, (index) => read(dh, index));
  if (attributes.wrt === "scale")
    return accumulate(scale.shape, x.shape, channel, (index) => read(dh, index) * read(standard, index));
  const g = build(x.shape, (index) => read(dh, index) * read(scale, channel(index)));
  const out = new Float64Array(x.data.length);
  for (let start = 0, group = 0; start < out.length; start += length, group++) {
    const [part, hats] = [g.data, standard.data].map((data) => data.subarray(start, start + length)) as [
      Float64Array,
      Float64Array,
    ];
    const mean = part.reduce((sum, value) => sum + value, 0) / length;
    const projection = part.reduce((sum, value, i) => sum + value * (hats[i] as number), 0) / length;
    for (let i = 0; i < length; i++)
      out[start + i] =
        ((part[i] as number) - mean - (hats[i] as number) * projection) / (deviation[group] as number);
  }
  return { shape: x.shape, data: out };
};

const softmaxRow = (row: readonly number[]): number[] => {
  const top = Math.max(...row);
  const weights = row.map((x) => Math.exp(x - top));
  const total = weights.reduce((sum, x) => sum + x, 0);
  return weights.map((x) => x / total);
};

const total = (terms: readonly number[]): number => terms.reduce((sum, term) => sum + term, 0);

/** Of token i of a and token j of b, over the channels of a head. */
const dotOfHeads =
  (heads: number) =>
  (a: Doubles, i: number, b: Doubles, j: number, [batch, head]: readonly [number, number]): number => {
    const width = (a.shape[2] as number) / heads;
    const channels = Array.from({ length: width }, (_, d) => head * width + d);
    return total(channels.map((d) => read(a, [batch, i, d]) * read(b, [batch, j, d])));
  };

/** What every operation means, in plain loops of double precision. */
export const references: { readonly [K in OpName]: Reference<K> } = {
  input: () => {
    throw new Error("an input has the value it is given");
  },
  constant: (_, { attributes: { value } }) => toDoubles(value),

  neg: elementwise((x) => -x),
  exp: elementwise(Math.exp),
  log: elementwise(Math.log),
  sqrt: elementwise(Math.sqrt),
  sin: elementwise(Math.sin),
  cos: elementwise(Math.cos),
  tanh: elementwise(Math.tanh),
  sigmoid: elementwise(sigmoid),
  silu: elementwise((x) => x * sigmoid(x)),
  relu: elementwise((x) => Math.max(x, 0)),
  abs: elementwise(Math.abs),
  sign: elementwise(Math.sign),
  detach: elementwise((x) => x),
  erf: elementwise(erf),

  add: elementwise((a = 0, b = 0) => a + b),
  sub: elementwise((a = 0, b = 0) => a - b),
  mul: elementwise((a = 0, b = 0) => a * b),
  div: elementwise((a = 0, b = 0) => a / b),
  maximum: elementwise(Math.max),
  minimum: elementwise(Math.min),
  greater: elementwise((a = 0, b = 0) => Number(a > b)),
  equal: elementwise((a = 0, b = 0) => Number(a === b)),
  where: elementwise((condition, a = 0, b = 0) => (condition ? a : b)),
  cast: (inputs, { dtype, shape }) => doubles(shape, only(inputs).data.map(truncated[dtype] as () => number)),

  sum: (inputs, { attributes: { axes }, shape }) => {
    const x = only(inputs);
    const kept = x.shape.map((n, axis) => (axes.includes(axis) ? 1 : n));
    const { data } = accumulate(
      kept,
      x.shape,
      (index) => index.map((i, axis) => (axes.includes(axis) ? 0 : i)),
      (index) => read(x, index),
    );
    return { shape, data };
  },
  max: (inputs, { attributes: { axes }, shape }) => {
    const x = only(inputs);
    const data = new Float64Array(sizeOf(shape)).fill(Number.NEGATIVE_INFINITY);
    const kept = x.shape.map((n, axis) => (axes.includes(axis) ? 1 : n));
    for (const index of indices(x.shape)) {
      const target = offset(kept, index);
      data[target] = Math.max(data[target] as number, read(x, index));
    }
    return { shape, data };
  },
  reshape: (inputs, { shape }) => ({ shape, data: only(inputs).data }),
  transpose: (inputs, { attributes: { order }, shape }) =>
    build(shape, (index) =>
      read(
        only(inputs),
        order.map((_, axis) => index[order.indexOf(axis)] as number),
      ),
    ),
  broadcastTo: (inputs, { shape }) => build(shape, (index) => read(only(inputs), index)),
  slice: (inputs, { attributes: { starts }, shape }) =>
    build(shape, (index) =>
      read(
        only(inputs),
        index.map((i, axis) => i + (starts[axis] as number)),
      ),
    ),
  pad: (inputs, { attributes: { before }, shape }) => {
    const x = only(inputs);
    const moved = (index: number[]) => index.map((i, axis) => i + (before[axis] as number));
    return accumulate(shape, x.shape, moved, (index) => read(x, index));
  },
  concat: (inputs, { attributes: { axis }, shape }) => {
    const { result, add } = into(shape);
    let start = 0;
    for (const x of inputs) {
      for (const index of indices(x.shape))
        add(index.with(axis, (index[axis] as number) + start), read(x, index));
      start += x.shape[axis] as number;
    }
    return result;
  },
  gather: (inputs, { shape }) => {
    const [table, rows] = pair(inputs);
    const width = sizeOf(table.shape.slice(1));
    return doubles(
      shape,
      [...rows.data].flatMap((row) => [...table.data.subarray(row * width, (row + 1) * width)]),
    );
  },
  scatterAdd: (inputs, { shape }) => {
    const [rows, targets] = pair(inputs);
    return accumulate(
      shape,
      rows.shape,
      ([row = 0, ...rest]) => [targets.data[row] as number, ...rest],
      (index) => read(rows, index),
    );
  },

  matmul: (inputs, { shape }) => {
    const [a, b] = pair(inputs);
    const inner = Array.from({ length: a.shape.at(-1) as number }, (_, k) => k);
    return build(shape, (index) => {
      const [row, column] = index.slice(-2) as [number, number];
      const batch = index.slice(0, -2);
      return inner.reduce((sum, k) => sum + read(a, [...batch, row, k]) * read(b, [...batch, k, column]), 0);
    });
  },
  softmax: (inputs, { shape }) => {
    const x = only(inputs);
    const columns = Array.from({ length: shape.at(-1) as number }, (_, k) => k);
    const rows = indices(shape.slice(0, -1));
    return doubles(
      shape,
      rows.flatMap((row) => softmaxRow(columns.map((column) => read(x, [...row, column])))),
    );
  },
  attention: (inputs, { attributes: { heads, scale }, shape }) => {
    const [q, k, v] = inputs as [Doubles, Doubles, Doubles];
    const valueWidth = (shape[2] as number) / heads;
    const keys = Array.from({ length: k.shape[1] as number }, (_, j) => j);
    const dot = dotOfHeads(heads);
    return build(shape, ([b = 0, i = 0, e = 0]) => {
      const head = Math.floor(e / valueWidth);
      const weights = softmaxRow(keys.map((j) => scale * dot(q, i, k, j, [b, head])));
      return keys.reduce((sum, j) => sum + (weights[j] as number) * read(v, [b, j, e]), 0);
    });
  },
  attentionGrad: (inputs, { attributes: { heads, scale, wrt }, shape }) => {
    const [q, k, v, y, dy] = inputs as [Doubles, Doubles, Doubles, Doubles, Doubles];
    const tokens = (x: Doubles) => Array.from({ length: x.shape[1] as number }, (_, i) => i);
    const dot = dotOfHeads(heads);
    /** Of each query, its weights and the gradient in its scores. */
    const matrices = (where: readonly [number, number]) =>
      tokens(q).map((i) => {
        const weights = softmaxRow(tokens(k).map((j) => scale * dot(q, i, k, j, where)));
        const delta = dot(dy, i, y, i, where);
        return {
          weights,
          slopes: weights.map((weight, j) => weight * (dot(dy, i, v, j, where) - delta)),
        };
      });
    const found = Array.from({ length: shape[0] as number }, (_, batch) =>
      Array.from({ length: heads }, (_, head) => matrices([batch, head])),
    );
    return build(shape, ([b = 0, row = 0, d = 0]) => {
      const rows = found[b]?.[Math.floor(d / ((shape[2] as number) / heads))] as ReturnType<typeof matrices>;
      if (wrt === "q")
        return scale * total((rows[row]?.slopes ?? []).map((slope, j) => slope * read(k, [b, j, d])));
      if (wrt === "k")
        return scale * total(rows.map(({ slopes }, i) => (slopes[row] as number) * read(q, [b, i, d])));
      return total(rows.map(({ weights }, i) => (weights[row] as number) * read(dy, [b, i, d])));
    });
  },

  conv2d: (inputs, { attributes, shape }) => {
    const [x, weight, bias] = inputs as [Doubles, Doubles, Doubles?];
    const result = products(
      shape,
      (visit) => convolve(x.shape, weight.shape, shape.slice(2), attributes, visit),
      (from, tap, to) => [to, at(x, from) * at(weight, tap)],
    );
    return bias ? build(shape, (index) => read(result, index) + at(bias, index[1] as number)) : result;
  },
  conv2dInputGrad: (inputs, { attributes, shape }) => {
    const [dy, weight] = pair(inputs);
    return products(
      shape,
      (visit) => convolve(shape, weight.shape, dy.shape.slice(2), attributes, visit),
      (from, tap, to) => [from, at(dy, to) * at(weight, tap)],
    );
  },
  conv2dWeightGrad: (inputs, { attributes, shape }) => {
    const [x, dy] = pair(inputs);
    return products(
      shape,
      (visit) => convolve(x.shape, shape, dy.shape.slice(2), attributes, visit),
      (from, tap, to) => [tap, at(x, from) * at(dy, to)],
    );
  },
  upsampleNearest: (inputs, { attributes: { scale }, shape }) =>
    build(shape, ([n = 0, c = 0, i = 0, j = 0]) =>
      read(only(inputs), [n, c, Math.floor(i / scale), Math.floor(j / scale)]),
    ),
  groupNorm: (inputs, { attributes, shape }) => {
    const [x, scale, shift] = inputs as [Doubles, Doubles, Doubles];
    const { standard } = standardise(x, attributes);
    return build(shape, (index) => {
      const channel = [index[1] as number];
      const h = read(standard, index) * read(scale, channel) + read(shift, channel);
      return attributes.silu ? h * sigmoid(h) : h;
    });
  },
  groupNormGrad,
};

/** The value of one operation on given inputs. */
export const evaluate = (node: Tensor, inputs: readonly Doubles[]): Doubles =>
  (references[node.op] as Reference<OpName>)(inputs, node);

/** The values of tensors whose leaves have the given ones, by the references alone. */
export const interpret = (
  outputs: readonly Tensor[],
  leaves: ReadonlyMap<Tensor, Doubles>,
): readonly Doubles[] => {
  const values = new Map(leaves);
  const resultOf = (node: Tensor): Doubles => values.get(node) as Doubles;
  for (const node of topologicalOrder(outputs, leaves.keys()))
    values.set(node, evaluate(node, node.inputs.map(resultOf)));
  return outputs.map(resultOf);
};

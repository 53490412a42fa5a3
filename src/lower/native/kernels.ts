import { type Shape, sizeOf } from "../../base/index.ts";
import type { OpName, Tensor } from "../../tensor/index.ts";
import type { Placing } from "./placing.ts";
import {
  channelsLast,
  denseStrides,
  identity,
  lying,
  offsetAt,
  orderOf,
  usualOrder,
  type Value,
  type View,
} from "./view.ts";
import { floatBits } from "./words.ts";

/** Emits the steps of a node, whose result it asks the planner for. */
export type Kernel = (planner: Placing, node: Tensor) => void;

/** Sums of this many strided parts are added in one Map step. */
const FEW = 16;

/** A view as [A, R, B] where R are the axes that are reduced, if they lie together in memory. */
const together = (
  view: View,
  axes: readonly number[],
): { A: number; R: number; B: number; order: number[] } | null => {
  const order = orderOf(view).filter((axis) => view.shape[axis] !== 1);
  const dense = denseStrides(view.shape, order);
  if (order.some((axis) => dense[axis] !== view.strides[axis])) return null;
  if (sizeOf(view.value.dims) !== sizeOf(view.shape)) return null;
  const reduced = order.map((axis) => axes.includes(axis));
  const [first, last] = [reduced.indexOf(true), reduced.lastIndexOf(true)];
  if (first !== -1 && reduced.slice(first, last).includes(false)) return null;
  const size = (part: readonly number[]) =>
    part.reduce((product, axis) => product * (view.shape[axis] as number), 1);
  const [from, to] = first === -1 ? [order.length, order.length] : [first, last + 1];
  const kept = [...order.slice(0, from), ...order.slice(to)];
  return {
    A: size(order.slice(0, from)),
    R: size(order.slice(from, to)),
    B: size(order.slice(to)),
    order: kept,
  };
};

const reduction =
  (kind: 0 | 1): Kernel =>
  (planner, node) => {
    const { axes, keepDims } = (node as Tensor<"sum">).attributes;
    const source = node.inputs[0] as Tensor;
    if (
      planner.isBlocked(source) &&
      kind === 0 &&
      [2, 3].every((axis) => axes.includes(axis)) &&
      !axes.includes(1)
    )
      return sumBlocks(planner, node);
    const view = planner.view(source);
    const count = axes.reduce((product, axis) => product * (view.shape[axis] as number), 1);
    const direct = together(view, axes);
    if (kind === 0 && count <= FEW && !direct) return addParts(planner, node, view);
    const kept = identity(view.shape).filter((axis) => !axes.includes(axis));
    const found = direct ?? {
      A: sizeOf(kept.map((axis) => view.shape[axis] as number)),
      R: count,
      B: 1,
      order: kept,
    };
    const value = direct ? view.value : planner.dense(source, [...kept, ...axes]);
    // The result lies in the order of what is kept; axes of size 1 stand wherever.
    const place = (axis: number) => (keepDims ? axis : kept.indexOf(axis));
    const order = [
      ...identity(node.shape).filter((axis) => node.shape[axis] === 1),
      ...found.order.map(place).filter((axis) => node.shape[axis] !== 1),
    ];
    planner.plan.step("reduce", kind, value, planner.result(node, order), found.A, found.R, found.B);
  };

/** Sums of an image in blocks over its positions, and over the batch where that is asked for too. */
const sumBlocks = (planner: Placing, node: Tensor): void => {
  const { axes } = (node as Tensor<"sum">).attributes;
  const value = planner.blocked(node.inputs[0] as Tensor);
  const [n, c, h, w, b] = value.dims as [number, number, number, number, number];
  const each = axes.includes(0) ? planner.plan.arena("float32", [n, c * b]) : planner.result(node);
  planner.plan.step("reduce", 0, value, each, n * c, h * w, b);
  if (axes.includes(0)) planner.plan.step("reduce", 0, each, planner.result(node), 1, n, c * b);
};

/** A sum over few elements as one step that adds strided parts: the gradient of an upsampling. */
const addParts = (planner: Placing, node: Tensor, view: View): void => {
  const { axes } = (node as Tensor<"sum">).attributes;
  const kept = identity(view.shape).filter((axis) => !axes.includes(axis));
  const offsets = axes.reduce(
    (found, axis) =>
      found.flatMap((offset) =>
        Array.from(
          { length: view.shape[axis] as number },
          (_, i) => offset + i * (view.strides[axis] as number),
        ),
      ),
    [view.offset],
  );
  const shape = kept.map((axis) => view.shape[axis] as number);
  const parts = offsets.map((offset) => ({
    ...view,
    offset,
    shape,
    strides: kept.map((axis) => view.strides[axis] as number),
  }));
  const lines = parts.slice(1).map((_, i) => ({
    instruction: "add" as const,
    operands: [i === 0 ? 0 : parts.length + i - 1, i + 1],
  }));
  const order = node.shape.length === shape.length ? orderOf(parts[0] as View) : undefined;
  planner.map(parts, lines, lying(planner.result(node, order), shape, order));
};

/** Rows of a matrix one after another, or columns: as a product takes them. */
const matrix = (planner: Placing, node: Tensor): View => {
  const view = planner.view(node);
  const [row, column] = view.strides.slice(-2) as [number, number];
  const [rows, columns] = view.shape.slice(-2) as [number, number];
  const taken = (column === 1 && row >= columns) || (row === 1 && column >= rows);
  if (taken) return view;
  return lying(planner.dense(node), node.shape);
};

const matmul: Kernel = (planner, node) => {
  const [a, b] = node.inputs.map((input) => matrix(planner, input)) as [View, View];
  const batch = node.shape.slice(0, -2);
  const [M, N] = node.shape.slice(-2) as [number, number];
  const K = a.shape.at(-1) as number;
  const steps = ({ shape, strides }: View) =>
    batch.map((_, axis) => {
      const own = axis - (batch.length - (shape.length - 2));
      return own < 0 || shape[own] === 1 ? 0 : (strides[own] as number);
    });
  const [x, y] = [a, b].map((view) => atStart(planner, view)) as [View, View];
  planner.plan.step(
    "matmul",
    ...[x.value, y.value, planner.result(node), batch.length, ...batch, ...steps(x), ...steps(y)],
    ...[M, N, K, ...x.strides.slice(-2), ...y.strides.slice(-2)],
  );
};

/** Steps take values from their start. */
const atStart = (planner: Placing, view: View): View => {
  if (view.offset === 0) return view;
  const copy = lying(planner.plan.arena(view.value.dtype, view.shape));
  planner.copy(view, copy);
  return copy;
};

/** What is never rounded: a weight, or a table and what is added to its rows. */
const unrounded = (planner: Placing, node: Tensor): Value => planner.stored(planner.dense(node), "float32");

/** Writes a part of a result, from these indices on. */
const writePart = (planner: Placing, whole: View, from: View, starts: readonly number[]): void =>
  planner.copy(from, { ...whole, offset: offsetAt(whole, starts), shape: from.shape });

/** Writes parts of a result one after another along an axis. */
const join = (planner: Placing, whole: View, parts: readonly View[], axis: number): void => {
  let start = 0;
  for (const part of parts) {
    writePart(
      planner,
      whole,
      part,
      identity(whole.shape).map((each) => (each === axis ? start : 0)),
    );
    start += part.shape[axis] as number;
  }
};

/** An image, in blocks or not, whose every pixel stands `scale` times in each direction: two axes more, which do not move. */
const repeated = ({ shape, strides, ...view }: View, scale: number): View => {
  const around = (list: readonly number[], own: number) => [
    ...list.slice(0, 3),
    own,
    list[3] as number,
    own,
    ...list.slice(4),
  ];
  return { ...view, shape: around(shape, scale), strides: around(strides, 0) };
};

type Geometry = { readonly stride: number; readonly padding: readonly number[] };
const convolution = (
  image: Shape,
  weight: Shape,
  result: Shape,
  { stride, padding, block }: Geometry & { readonly block: number },
): number[] => {
  const [n, c, h, w] = image as [number, number, number, number];
  const [m, , kh, kw] = weight as [number, number, number, number];
  const [oh, ow] = result.slice(2) as [number, number];
  return [n, h, w, c, m, kh, kw, oh, ow, stride, ...padding, block];
};

/** How the images of some nodes lie for a step, and the channels that lie together: in blocks if all of them can. */
const images = (planner: Placing, nodes: readonly Tensor[]) => {
  const blocks = nodes.every((node) => planner.fits(node));
  const order = channelsLast(nodes[0]?.shape ?? []);
  return {
    block: blocks ? planner.block : 1,
    of: (node: Tensor): Value => (blocks ? planner.blocked(node) : planner.dense(node, order)),
    result: (node: Tensor): Value => (blocks ? planner.blockedResult(node) : planner.result(node, order)),
  };
};

/** Shape of a norm's input as [n, positions, c]. */
const normShape = ({ shape }: Tensor): [number, number, number] => {
  const [n = 1, c = 1, ...positions] = shape;
  return [n, sizeOf(positions), c];
};
const normWords = (node: Tensor, block: number): number[] => {
  const { groups, eps, silu } = (node as Tensor<"groupNorm">).attributes;
  const shape = normShape(node.inputs[0] as Tensor);
  return [...shape, groups, floatBits(eps), Number(silu), block === 1 ? shape[2] : block];
};

/** What norms of one input and the same settings share: statistics. */
const normKey = ({ inputs: [x, scale, shift], attributes }: Tensor): readonly unknown[] => {
  const { groups, eps, silu } = attributes as Tensor<"groupNorm">["attributes"];
  return [x, scale, shift, groups, eps, silu];
};
const same = (a: readonly unknown[], b: readonly unknown[]): boolean => a.every((each, i) => each === b[i]);

/**
 * The gradients of one operation in what it is differentiated in, undefined where none is asked for: one step, which the
 * first of them that is met emits.
 */
const gradientsWith = (planner: Placing, node: Tensor, wrts: readonly string[]): (Tensor | undefined)[] => {
  const wrtOf = ({ attributes }: Tensor) => (attributes as { readonly wrt: string }).wrt;
  const settingsOf = ({ attributes }: Tensor) => JSON.stringify({ ...attributes, wrt: null });
  const settings = settingsOf(node);
  const found = planner.order.filter(
    (other) => other.op === node.op && same(other.inputs, node.inputs) && settingsOf(other) === settings,
  );
  return wrts.map((wrt) => found.find((each) => wrtOf(each) === wrt));
};

const attentionWords = ({ inputs, attributes }: Tensor): readonly number[] => {
  const { heads, scale } = attributes as Tensor<"attention">["attributes"];
  const [q, k, v] = inputs.map(({ shape }) => shape) as [Shape, Shape, Shape];
  const [batch, queries, channels] = q as [number, number, number];
  const widths = [channels / heads, (v[2] as number) / heads];
  return [batch, queries, k[1] as number, heads, ...widths, floatBits(scale)];
};

/** The step of each operation that has one of its own; Map has the elementwise ones. */
export const kernels: { readonly [K in OpName]?: Kernel } = {
  sum: reduction(0),
  max: reduction(1),
  matmul,
  softmax(planner, node) {
    const columns = node.shape.at(-1) as number;
    const value = planner.dense(node.inputs[0] as Tensor);
    planner.plan.step("softmax", value, planner.result(node), sizeOf(node.shape) / columns, columns);
  },
  attention(planner, node) {
    const operands = node.inputs.map((each) => planner.dense(each));
    planner.plan.step("attention", ...operands, planner.result(node), ...attentionWords(node));
  },
  attentionGrad(planner, node) {
    const operands = node.inputs.map((each) => planner.dense(each));
    const results = gradientsWith(planner, node, ["q", "k", "v"]).map((each) =>
      each ? planner.result(each) : null,
    );
    planner.plan.step("attentionGrad", ...operands, ...results, ...attentionWords(node));
  },
  gather(planner, node) {
    const [table, indices] = node.inputs as [Tensor, Tensor];
    const count = sizeOf(indices.shape);
    const operands = [unrounded(planner, table), planner.dense(indices)];
    planner.plan.step("gather", ...operands, planner.result(node), count, sizeOf(node.shape) / count);
  },
  scatterAdd(planner, node) {
    const [rows, indices] = node.inputs as [Tensor, Tensor];
    const [size] = node.shape as [number];
    const numbers = [sizeOf(indices.shape), sizeOf(node.shape) / size, size];
    planner.plan.step(
      "scatterAdd",
      unrounded(planner, rows),
      planner.dense(indices),
      planner.result(node),
      ...numbers,
    );
  },
  concat(planner, node) {
    const { axis } = (node as Tensor<"concat">).attributes;
    if (axis === 1 && node.inputs.every((source) => planner.fits(source))) {
      const parts = node.inputs.map((source) => lying(planner.blocked(source)));
      return join(planner, lying(planner.blockedResult(node)), parts, axis);
    }
    const order = usualOrder(node.shape);
    const parts = node.inputs.map((source) => planner.view(source));
    join(planner, lying(planner.result(node, order), node.shape, order), parts, axis);
  },
  pad(planner, node) {
    const { before } = (node as Tensor<"pad">).attributes;
    const view = planner.view(node.inputs[0] as Tensor);
    const order = usualOrder(node.shape);
    const value = planner.result(node, order);
    planner.plan.step("fill", value, 0);
    writePart(planner, lying(value, node.shape, order), view, before);
  },
  upsampleNearest(planner, node) {
    const { scale } = (node as Tensor<"upsampleNearest">).attributes;
    const source = node.inputs[0] as Tensor;
    if (planner.isBlocked(source)) {
      const from = repeated(lying(planner.blocked(source)), scale);
      return planner.copy(from, lying(planner.blockedResult(node), from.shape));
    }
    const from = repeated(planner.view(source), scale);
    const value = planner.result(node, channelsLast(node.shape));
    planner.copy(from, lying(value, from.shape, [0, 2, 3, 4, 5, 1]));
  },
  conv2d(planner, node) {
    const [x, weight, bias] = node.inputs as [Tensor, Tensor, Tensor?];
    const image = images(planner, [x, node]);
    const operands = [image.of(x), planner.dense(weight), bias ? unrounded(planner, bias) : null];
    const geometry = { ...(node as Tensor<"conv2d">).attributes, block: image.block };
    const numbers = convolution(x.shape, weight.shape, node.shape, geometry);
    planner.plan.step("conv", ...operands, image.result(node), ...numbers);
  },
  conv2dInputGrad(planner, node) {
    const [dy, weight] = node.inputs as [Tensor, Tensor];
    const image = images(planner, [dy, node]);
    const geometry = { ...(node as Tensor<"conv2dInputGrad">).attributes, block: image.block };
    const numbers = convolution(node.shape, weight.shape, dy.shape, geometry);
    planner.plan.step("convInputGrad", image.of(dy), planner.dense(weight), image.result(node), ...numbers);
  },
  conv2dWeightGrad(planner, node) {
    const [x, dy] = node.inputs as [Tensor, Tensor];
    const image = images(planner, [x, dy]);
    const geometry = { ...(node as Tensor<"conv2dWeightGrad">).attributes, block: image.block };
    const numbers = convolution(x.shape, node.shape, dy.shape, geometry);
    planner.plan.step("convWeightGrad", image.of(x), image.of(dy), planner.result(node), ...numbers);
  },
  groupNorm(planner, node) {
    const [x, scale, shift] = node.inputs as [Tensor, Tensor, Tensor];
    const image = images(planner, [x]);
    const given = planner.stored(image.of(x), planner.storage(node));
    const operands = [given, unrounded(planner, scale), unrounded(planner, shift)];
    const { groups } = (node as Tensor<"groupNorm">).attributes;
    const statistics = planner.plan.arena("float32", [x.shape[0] as number, groups, 2]);
    planner.norms.push({ key: normKey(node), statistics });
    planner.plan.step(
      "groupNorm",
      ...operands,
      image.result(node),
      statistics,
      ...normWords(node, image.block),
    );
  },
  groupNormGrad(planner, node) {
    const [x, scale, shift, dy] = node.inputs as [Tensor, Tensor, Tensor, Tensor];
    const image = images(planner, [x]);
    const key = normKey(node);
    const statistics = planner.norms.find((norm) => same(norm.key, key))?.statistics ?? null;
    const [dx, dscale, dshift] = gradientsWith(planner, node, ["x", "scale", "shift"]);
    const results = [
      dx ? image.result(dx) : null,
      ...[dscale, dshift].map((each) => (each ? planner.result(each) : null)),
    ];
    const rounded = (dx ? [dx] : [x, dy]).every((each) => planner.storage(each) === "bfloat16");
    const given = (each: Tensor) => planner.stored(image.of(each), rounded ? "bfloat16" : "float32");
    const operands = [given(x), unrounded(planner, scale), unrounded(planner, shift), given(dy)];
    planner.plan.step("groupNormGrad", ...operands, statistics, ...results, ...normWords(node, image.block));
  },
};

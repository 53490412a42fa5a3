import type { Tensor } from "../tensor/index.ts";
import type { OnnxBuilder } from "./onnx-builder.ts";

type Image = readonly [n: number, c: number, h: number, w: number];
const imageShape = (x: Tensor | undefined): Image => x?.shape as unknown as Image;

export const lowerConv2d = (onnx: OnnxBuilder, inputs: readonly string[], node: Tensor<"conv2d">): string => {
  const { stride, padding } = node.attributes;
  return onnx.node("Conv", inputs, { strides: [stride, stride], pads: padding });
};

/**
 * The gradient in the image. With stride 1 it is a convolution with the kernel turned by 180° and its
 * channels swapped, which runs faster than the transposed convolution that serves every other case.
 */
export const lowerConv2dInputGrad = (
  onnx: OnnxBuilder,
  [dy, weight]: readonly [string, string],
  node: Tensor<"conv2dInputGrad">,
): string => {
  const pads = turnedPads(node);
  const [, , kh, kw] = imageShape(node.inputs[1]);
  if (pads) return onnx.node("Conv", [dy, turned(onnx, weight, kh * kw > 1)], { pads });
  const { stride, padding, size } = node.attributes;
  const [, , oh, ow] = imageShape(node.inputs[0]);
  const [top, left, bottom, right] = padding;
  return onnx.node("ConvTranspose", [dy, weight], {
    strides: [stride, stride],
    pads: padding,
    output_padding: [
      size[0] - ((oh - 1) * stride + kh - top - bottom),
      size[1] - ((ow - 1) * stride + kw - left - right),
    ],
  });
};

/** The padding of an input gradient as a convolution with the turned kernel; null where it is none. */
export const turnedPads = ({ attributes, inputs }: Tensor<"conv2dInputGrad">): readonly number[] | null => {
  const { stride, padding, size } = attributes;
  const [, , oh, ow] = imageShape(inputs[0]);
  const [, , kh, kw] = imageShape(inputs[1]);
  const [top, left] = padding;
  const pads = [kh - 1 - top, kw - 1 - left, size[0] - oh + top, size[1] - ow + left];
  return stride === 1 && pads.every((n) => n >= 0) ? pads : null;
};

/** A weight [m, c, …] as the one [c, m, …] that carries gradients back: turned by 180°, channels swapped. */
const turned = (onnx: OnnxBuilder, weight: string, flip: boolean): string => {
  const swapped = onnx.node("Transpose", [weight], { perm: [1, 0, 2, 3] });
  if (!flip) return swapped;
  const back = onnx.int64([-1, -1]);
  const beforeStart = onnx.int64([-(2 ** 31), -(2 ** 31)]);
  return onnx.node("Slice", [swapped, back, beforeStart, onnx.int64([2, 3]), back]);
};

/**
 * The gradient in the weight as one matrix product VᵀU for all taps. A row stands for (sample, input row,
 * output column): U holds the image at the kw column offsets, V the output gradient at the kh row offsets,
 * zero where there is none.
 */
export const lowerConv2dWeightGrad = (
  onnx: OnnxBuilder,
  [x, dy]: readonly [string, string],
  node: Tensor<"conv2dWeightGrad">,
): string => {
  const { stride, padding, kernel } = node.attributes;
  const [n, c, h, w] = imageShape(node.inputs[0]);
  const [, m, oh, ow] = imageShape(node.inputs[1]);
  const [kh, kw] = kernel;
  const [top, left] = padding;
  const columns = taps(ow, kw, w, (out, tap) => out * stride + tap - left);
  const rows = taps(h, kh, oh, (row, tap) => (row + top - tap) / stride);
  const rowCount = n * h * ow;
  const u = gathered(
    onnx,
    x,
    [n, c, h, w],
    rowTable(n, h, ow, (s, i, j, tap) => at(s, h, i, w, columns(j, tap)), kw),
  );
  const v = gathered(
    onnx,
    dy,
    [n, m, oh, ow],
    rowTable(n, h, ow, (s, i, j, tap) => at(s, oh, rows(i, tap), ow, j), kh),
  );
  const product = splitProduct(onnx, v, u, rowCount, kh * m, kw * c);
  return weightOf(onnx, product, [m, c, kh, kw]);
};

/** [kh, m, kw, c] as [m, c, kh, kw], in transpositions that move whole rows or swap the last two axes: fast ones. */
const weightOf = (onnx: OnnxBuilder, product: string, [m, c, kh, kw]: Image): string => {
  const rows = onnx.node("Reshape", [product, onnx.int64([kh, m, kw * c])]);
  const byOutput = kh > 1 ? onnx.node("Transpose", [rows], { perm: [1, 0, 2] }) : rows;
  const taps = onnx.node("Reshape", [byOutput, onnx.int64([m, kh * kw, c])]);
  const byInput = kh * kw > 1 ? onnx.node("Transpose", [taps], { perm: [0, 2, 1] }) : taps;
  return onnx.node("Reshape", [byInput, onnx.int64([m, c, kh, kw])]);
};

/** Where a tap reads along one axis, or -1 outside [0, limit). */
const taps = (count: number, kernel: number, limit: number, position: (i: number, tap: number) => number) => {
  const table = Array.from({ length: count }, (_, i) =>
    Array.from({ length: kernel }, (_, tap) => {
      const p = position(i, tap);
      return Number.isInteger(p) && p >= 0 && p < limit ? p : -1;
    }),
  );
  return (i: number, tap: number): number => table[i]?.[tap] as number;
};

/** Flat pixel index, or -1 when either coordinate is outside. */
const at = (sample: number, height: number, i: number, width: number, j: number): number =>
  i < 0 || j < 0 ? -1 : (sample * height + i) * width + j;

const rowTable = (
  n: number,
  h: number,
  w: number,
  pixel: (sample: number, i: number, j: number, tap: number) => number,
  kernel: number,
): Int32Array => {
  const table = new Int32Array(n * h * w * kernel);
  let next = 0;
  for (let s = 0; s < n; s++)
    for (let i = 0; i < h; i++)
      for (let j = 0; j < w; j++) for (let tap = 0; tap < kernel; tap++) table[next++] = pixel(s, i, j, tap);
  return table;
};

/** Pixels as rows [rows, taps · channels] of the table's indices; -1 reads zeros. */
const gathered = (onnx: OnnxBuilder, x: string, [n, c, h, w]: Image, table: Int32Array): string => {
  const channelsLast = onnx.node("Transpose", [x], { perm: [0, 2, 3, 1] });
  const pixels = onnx.node("Reshape", [channelsLast, onnx.int64([n * h * w, c])]);
  if (table.length === n * h * w && table.every((pixel, row) => pixel === row)) return pixels;
  const zeros = onnx.constant(`zero row ${c}`, () => ({
    type: "float32",
    shape: [1, c],
    data: new Float32Array(c),
  }));
  const padded = onnx.node("Concat", [pixels, zeros], { axis: 0 });
  const data = table.map((pixel) => (pixel < 0 ? n * h * w : pixel));
  const indices = onnx.constant(`table ${digest(data)}`, () => ({
    type: "int32",
    shape: [data.length],
    data,
  }));
  return onnx.node("Gather", [padded, indices], { axis: 0 });
};

/** Two independent 32-bit hashes and the length: tells the few index tables of one graph apart. */
const digest = (table: Int32Array): string => {
  let a = 0x811c9dc5;
  let b = 0;
  for (const value of table) {
    a = Math.imul(a ^ value, 0x01000193);
    b = (Math.imul(b, 31) + value) | 0;
  }
  return `${table.length}:${a}:${b}`;
};

/** vᵀu over `rows` rows, in two halves of the rows where they divide, so that both run at once. */
const splitProduct = (
  onnx: OnnxBuilder,
  v: string,
  u: string,
  rows: number,
  m: number,
  c: number,
): string => {
  const halves = rows % 2 === 0 && rows >= 2 * Math.max(m, c) ? [2] : [];
  const part = (x: string, width: number) =>
    onnx.node("Reshape", [x, onnx.int64([...halves, rows / (halves[0] ?? 1), width])]);
  const perm = halves.length ? [0, 2, 1] : [1, 0];
  const turnedV = onnx.node("Transpose", [part(v, m)], { perm });
  const product = onnx.node("MatMul", [turnedV, part(u, c)]);
  return halves.length ? onnx.node("ReduceSum", [product, onnx.int64([0])], { keepdims: 0 }) : product;
};

import type { Tensor } from "../tensor/index.ts";
import { lowerConv2d, lowerConv2dInputGrad, turnedPads } from "./convolution.ts";
import type { OnnxBuilder } from "./onnx-builder.ts";
import { type Lowering, portable } from "./portable.ts";

/** The domain of onnxruntime's own operations on channels in blocks. They never reach an exported file. */
export const BLOCKED = "com.microsoft.nchwc";

/**
 * For training on onnxruntime's CPU: convolutions whose channels come in blocks run in its blocked layout,
 * which it would choose by itself only for weights that never change. Everything else is {@link portable}.
 * @param block channels in a block, which depends on the machine; 1 where the runtime has no such layout
 */
export const trainCpu = (block: number): Lowering =>
  block === 1
    ? portable
    : {
        ...portable,
        conv2d: (onnx, inputs, node) => {
          const [x = "", weight = "", bias] = inputs;
          const { stride, padding } = node.attributes;
          const geometry = { strides: [stride, stride], pads: padding };
          const operands = bias === undefined ? { x, weight } : { x, weight, bias };
          if (!fits(node.inputs[1], block)) return lowerConv2d(onnx, inputs, node);
          const shape = weightShape(node.inputs[1]);
          const blocks = inBlocks(onnx, weight, shape, block);
          return blockedConv(onnx, { ...operands, weight: blocks }, { shape, geometry });
        },
        conv2dInputGrad: (onnx, inputs, node) => {
          const [dy = "", weight = ""] = inputs;
          const pads = turnedPads(node);
          if (!fits(node.inputs[1], block) || pads === null)
            return lowerConv2dInputGrad(onnx, [dy, weight], node);
          const shape = weightShape(node.inputs[1]);
          const [m, c, kh, kw] = shape;
          const blocks = turnedInBlocks(onnx, weight, shape, block);
          return blockedConv(onnx, { x: dy, weight: blocks }, { shape: [c, m, kh, kw], geometry: { pads } });
        },
      };

type WeightShape = readonly [m: number, c: number, kh: number, kw: number];
const weightShape = (weight: Tensor | undefined): WeightShape => weight?.shape as unknown as WeightShape;

const fits = (weight: Tensor | undefined, block: number): boolean => {
  const [m, c] = weightShape(weight);
  return m % block === 0 && c % block === 0;
};

/**
 * A weight [m, c, h, w] as blocks [m/b, c/b, h·w, b of c, b of m], under the shape [m, c, h, w]. Each of the two
 * transpositions is one that onnxruntime has a fast kernel for (the last two axes swapped; rows moved whole);
 * one general transposition takes several times as long.
 */
const inBlocks = (onnx: OnnxBuilder, weight: string, [m, c, kh, kw]: WeightShape, b: number): string => {
  const rows = onnx.node("Reshape", [weight, onnx.int64([m / b, b, c * kh * kw])]);
  const innermost = onnx.node("Transpose", [rows], { perm: [0, 2, 1] });
  const split = onnx.node("Reshape", [innermost, onnx.int64([m / b, c / b, b, kh * kw, b])]);
  const blocks = kh * kw > 1 ? onnx.node("Transpose", [split], { perm: [0, 1, 3, 2, 4] }) : split;
  return onnx.node("Reshape", [blocks, onnx.int64([m, c, kh, kw])]);
};

/** The blocks of the weight [c, m, h, w] that carries gradients back: turned by 180°, channels swapped. */
const turnedInBlocks = (
  onnx: OnnxBuilder,
  weight: string,
  [m, c, kh, kw]: WeightShape,
  b: number,
): string => {
  const taps = kh * kw;
  const innermost = onnx.node("Transpose", [onnx.node("Reshape", [weight, onnx.int64([m, c, taps])])], {
    perm: [0, 2, 1],
  });
  const backwards = Array.from({ length: taps }, (_, tap) => taps - 1 - tap);
  const turned = taps > 1 ? onnx.node("Gather", [innermost, onnx.int64(backwards)], { axis: 1 }) : innermost;
  const split = onnx.node("Reshape", [turned, onnx.int64([m / b, b, taps, c / b, b])]);
  const blocks = onnx.node("Transpose", [split], { perm: [3, 0, 2, 1, 4] });
  return onnx.node("Reshape", [blocks, onnx.int64([c, m, kh, kw])]);
};

/** Reorders the image into blocks, convolves it there with a weight in blocks, and reorders the result back. */
const blockedConv = (
  onnx: OnnxBuilder,
  { x, weight, bias }: { readonly x: string; readonly weight: string; readonly bias?: string },
  {
    shape: [m, , kh, kw],
    geometry,
  }: { readonly shape: WeightShape; readonly geometry: Readonly<Record<string, readonly number[]>> },
): string => {
  const image = onnx.node(`${BLOCKED}/ReorderInput`, [x]);
  const inputs = bias === undefined ? [image, weight] : [image, weight, bias];
  const result = onnx.node(`${BLOCKED}/Conv`, inputs, { ...geometry, kernel_shape: [kh, kw] });
  return onnx.node(`${BLOCKED}/ReorderOutput`, [result], { channels: m });
};

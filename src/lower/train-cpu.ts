import type { Tensor } from "../tensor/index.ts";
import { lowerConv2d, lowerConv2dInputGrad, turned, turnedPads } from "./convolution.ts";
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
          return fits(node.inputs[1], block)
            ? blockedConv(onnx, operands, { block, shape: weightShape(node.inputs[1]), geometry })
            : lowerConv2d(onnx, inputs, node);
        },
        conv2dInputGrad: (onnx, inputs, node) => {
          const [dy = "", weight = ""] = inputs;
          const pads = turnedPads(node);
          if (!fits(node.inputs[1], block) || pads === null)
            return lowerConv2dInputGrad(onnx, [dy, weight], node);
          const [m, c, kh, kw] = weightShape(node.inputs[1]);
          const back = turned(onnx, weight, kh * kw > 1);
          return blockedConv(
            onnx,
            { x: dy, weight: back },
            { block, shape: [c, m, kh, kw], geometry: { pads } },
          );
        },
      };

type WeightShape = readonly [m: number, c: number, kh: number, kw: number];
const weightShape = (weight: Tensor | undefined): WeightShape => weight?.shape as unknown as WeightShape;

const fits = (weight: Tensor | undefined, block: number): boolean => {
  const [m, c] = weightShape(weight);
  return m % block === 0 && c % block === 0;
};

/** Reorders the image into blocks, convolves there, and reorders the result back. */
const blockedConv = (
  onnx: OnnxBuilder,
  { x, weight, bias }: { readonly x: string; readonly weight: string; readonly bias?: string },
  {
    block,
    shape: [m, c, kh, kw],
    geometry,
  }: {
    readonly block: number;
    readonly shape: WeightShape;
    readonly geometry: Readonly<Record<string, readonly number[]>>;
  },
): string => {
  const split = onnx.node("Reshape", [weight, onnx.int64([m / block, block, c / block, block, kh, kw])]);
  const innermost = onnx.node("Transpose", [split], { perm: [0, 2, 4, 5, 3, 1] });
  const blocks = onnx.node("Reshape", [innermost, onnx.int64([m, c, kh, kw])]);
  const image = onnx.node(`${BLOCKED}/ReorderInput`, [x]);
  const inputs = bias === undefined ? [image, blocks] : [image, blocks, bias];
  const result = onnx.node(`${BLOCKED}/Conv`, inputs, { ...geometry, kernel_shape: [kh, kw] });
  return onnx.node(`${BLOCKED}/ReorderOutput`, [result], { channels: m });
};

import { type Lowering, portable } from "./portable.ts";

/** The domain of onnxruntime's fused operations beside the standard. They never reach an exported file. */
const CONTRIB = "com.microsoft";

/**
 * For evaluations with constant weights on onnxruntime's CPU. Convolutions stay standard: with constant weights
 * onnxruntime lays them out in blocks itself, and fuses what follows them. Attention goes through its kernel
 * that keeps no scores in memory and takes heads where they lie.
 */
export const inferCpu: Lowering = {
  ...portable,
  attention: (onnx, inputs, { attributes: { heads, scale } }) =>
    onnx.node(`${CONTRIB}/MultiHeadAttention`, inputs, { num_heads: heads, scale: { float: scale } }),
};

export { gelu, leakyRelu, logSoftmax, mish, softplus } from "./activations.ts";
export { type DecomposedOp, decompose, decompositions } from "./decompositions.ts";
export { gradients, vjp } from "./gradient.ts";
export { type Graph, type Named, type Spec, topologicalOrder, trace } from "./graph.ts";
export * from "./operations.ts";
export { averagePool2d, maxPool2d, type PoolGeometry } from "./pooling.ts";
export { averagePool, maxPool, resizeBilinear } from "./resize.ts";
export { type Shaped, shapeRules } from "./shape-rules.ts";
export { simplify } from "./simplify.ts";
export { constant, input, Parameter, Tensor } from "./tensor.ts";
export type {
  AttentionAttributes,
  ConvGeometry,
  NormAttributes,
  OpAttributes,
  OpName,
  ReduceAttributes,
} from "./vocabulary.ts";

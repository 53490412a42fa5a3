export { type DecomposedOp, decompose, decompositions } from "./decompositions.ts";
export { gradients, vjp } from "./gradient.ts";
export { type Graph, type Named, type Spec, topologicalOrder, trace } from "./graph.ts";
export * from "./operations.ts";
export { type Shaped, shapeRules } from "./shape-rules.ts";
export { simplify } from "./simplify.ts";
export { constant, input, Parameter, Tensor } from "./tensor.ts";
export type { ConvGeometry, NormAttributes, OpAttributes, OpName } from "./vocabulary.ts";

export { inferCpu } from "./infer-cpu.ts";
export { isNative, type LowerOptions, lower, lowered, type NativeTarget, type Target } from "./lower.ts";
export { type Cost, costOf, workingBytes } from "./memory.ts";
export { type Plan, readPlan } from "./native/plan-builder.ts";
export { type PlanStep, stepsOf } from "./native/plan-steps.ts";
export type { Precision } from "./native/precision.ts";
export { ModelProtoSchema, type NodeProto, type TensorProto } from "./onnx_pb.ts";
export { OnnxBuilder } from "./onnx-builder.ts";
export { MOST_BYTES, type OnnxAbout, type OnnxFiles, onnxFiles, tensorBytes } from "./onnx-file.ts";
export { toHalfModel } from "./onnx-half.ts";
export { type Lowering, portable } from "./portable.ts";
export {
  type SizeFormula,
  type SymbolicInput,
  type SymbolicShape,
  sizeText,
  type Unified,
  unify,
  type Witness,
} from "./symbolic.ts";
export { lowerSymbolic, type SymbolicGraph } from "./symbolic-model.ts";
export { BLOCKED, trainCpu } from "./train-cpu.ts";
export { webgpu } from "./webgpu.ts";

export { inferCpu } from "./infer-cpu.ts";
export { lower } from "./lower.ts";
export { OnnxBuilder } from "./onnx-builder.ts";
export { type Lowering, portable } from "./portable.ts";
export { BLOCKED, trainCpu } from "./train-cpu.ts";

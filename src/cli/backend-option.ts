import { backendNames, precisionNames } from "../runtime/index.ts";
import { choice } from "./command.ts";

/** What runs the network. */
export const backend = choice(
  "what runs the network: onnxruntime, or the native engine where it was built (default: auto, the faster)",
  backendNames,
);

/** What a training computes in. */
export const trainPrecision = choice(
  "what it computes in; weights, sums, losses and the optimizer are fp32 throughout. bf16 needs the native engine and pays where the processor has it (default: auto, bf16 there, else fp32; a run goes on as it began)",
  precisionNames,
);

/** What a trained network computes in. */
export const precision = choice(
  "what the network computes in; bf16 needs the native engine (default: fp32)",
  precisionNames,
);

import { backendNames } from "../runtime/index.ts";
import { choice } from "./command.ts";

/** What runs the network. */
export const backend = choice(
  "what runs the network: onnxruntime, or the native engine where it was built (default: auto, the faster)",
  backendNames,
);

import { host } from "#host";
import { type NativeTarget, type Target, trainCpu } from "../lower/index.ts";
import { blockSize } from "./block-size.ts";
import { nativeMissing } from "./session.ts";

/** What runs graphs: onnxruntime, or the native engine where it was built; `auto` takes the faster that is there. */
export const backendNames = ["auto", "onnx", "native"] as const;
export type Backend = (typeof backendNames)[number];

/** What the graphs of a training are lowered to. @throws ArgumentError for a native engine that is not there */
export const trainTarget = async (backend: Backend = "auto"): Promise<Target> =>
  nativeTarget(backend) ?? trainCpu(await blockSize());

/** What a graph with fixed weights is lowered to. @throws ArgumentError for a native engine that is not there */
export const inferTarget = (backend: Backend = "auto"): Target => nativeTarget(backend) ?? host.inferTarget;

/** Channels in a block of images: with AVX-512, oneDNN is as fast on channels innermost. */
const blockFor = (isa: string): number => (isa.startsWith("avx2") ? 8 : 1);

const nativeTarget = (backend: Backend): NativeTarget | null => {
  if (backend === "onnx") return null;
  const engine = host.nativeEngine();
  if (engine) return { engine: "native", block: blockFor(engine.isa) };
  if (backend === "auto") return null;
  throw nativeMissing();
};

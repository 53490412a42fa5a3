import { host } from "#host";
import { ArgumentError } from "../base/index.ts";
import { isNative, type NativeTarget, type Precision, type Target, trainCpu } from "../lower/index.ts";
import { blockSize } from "./block-size.ts";
import { type Device, loweringOn, type OtherDevice } from "./device.ts";
import { type NativeEngine, nativeMissing } from "./session.ts";

/** What runs graphs on the CPU: onnxruntime, or the native engine where it was built; `auto` takes the faster there. */
export const backendNames = ["auto", "onnx", "native"] as const;

/** What runs graphs: one of {@link backendNames} on the CPU, or onnxruntime on another device. */
export type Backend = (typeof backendNames)[number] | OtherDevice;

/** What graphs are computed in; `auto` takes bf16 where the native engine runs them on a processor that has it. */
export const precisionNames = ["auto", "fp32", "bf16"] as const;
export type PrecisionChoice = (typeof precisionNames)[number];

/**
 * What the graphs of a training are lowered to.
 * @throws ArgumentError for a native engine that is not there, and for bf16 without it
 */
export const trainTarget = async (
  backend: Backend = "auto",
  precision: PrecisionChoice = "auto",
): Promise<Target> =>
  nativeTarget(backend, precision) ?? loweringOn(deviceOf(backend)) ?? trainCpu(await blockSize());

/** What a graph with fixed weights is lowered to. @throws ArgumentError as {@link trainTarget} */
export const inferTarget = (backend: Backend = "auto", precision: PrecisionChoice = "fp32"): Target =>
  nativeTarget(backend, precision) ?? loweringOn(deviceOf(backend)) ?? host.inferTarget;

/** Where a backend runs what {@link inferTarget} and {@link trainTarget} lower. */
export const deviceOf = (backend: Backend = "auto"): Device =>
  backend === "auto" || backend === "onnx" || backend === "native" ? "cpu" : backend;

/** What a target computes in. */
export const precisionOf = (target: Target): Precision => (isNative(target) && target.precision) || "fp32";

/** What `auto` comes to on this engine. */
export const autoPrecision = ({ bf16 }: NativeEngine): Precision => (bf16 ? "bf16" : "fp32");

/** Channels in a block of images: with AVX-512, oneDNN is as fast on channels innermost. */
const blockFor = (isa: string): number => (isa.startsWith("avx2") ? 8 : 1);

const nativeTarget = (backend: Backend, choice: PrecisionChoice): NativeTarget | null => {
  const engine = backend === "auto" || backend === "native" ? host.nativeEngine() : null;
  if (engine) {
    const precision = choice === "auto" ? autoPrecision(engine) : choice;
    return { engine: "native", block: blockFor(engine.isa), precision };
  }
  if (backend === "native") throw nativeMissing();
  if (choice === "bf16")
    throw new ArgumentError({
      who: "precision bf16",
      expected: "the native engine",
      got: "onnxruntime, which computes in fp32",
      hint: bf16Remedy(backend),
    });
  return null;
};

const bf16Remedy = (backend: Backend): string => {
  if (backend === "onnx") return "leave --backend out";
  return deviceOf(backend) === "cpu" ? "build the engine with: npm run build:native" : "leave --device out";
};

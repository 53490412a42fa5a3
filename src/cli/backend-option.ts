import {
  type Backend,
  backendNames,
  chooseDevice,
  deviceNames,
  precisionNames,
  selfTest,
} from "../runtime/index.ts";
import { choice, UsageError } from "./command.ts";

/** What runs the network on the CPU. */
export const backend = choice(
  "what runs the network on the CPU: onnxruntime, or the native engine where it was built (default: auto, the faster)",
  backendNames,
);

/** Where the network runs. */
export const device = choice(
  "where the network runs; auto: the first device that is there and agrees with the CPU. Others than the CPU are onnxruntime's, see undiffuse doctor (default: cpu)",
  ["auto", ...deviceNames],
);

/**
 * What runs the network, from --device and --backend. A device other than the CPU is tested first; what `auto` found is
 * said on standard error.
 * @throws UsageError for the native engine on another device than the CPU
 * @throws ArgumentError for a device that is not there or differs from the CPU
 */
export const chosenBackend = async (given: {
  readonly device: (typeof deviceNames)[number] | "auto" | undefined;
  readonly backend: (typeof backendNames)[number] | undefined;
}): Promise<Backend | undefined> => {
  const { device = "cpu", backend } = given;
  if (device === "cpu") return backend;
  if (backend === "native")
    throw new UsageError({
      who: "--backend native",
      expected: "--device cpu, where the native engine runs",
      got: `--device ${device}`,
    });
  if (device !== "auto") return (await selfTest(device)).device;
  const found = await chooseDevice((line) => process.stderr.write(`${line}\n`));
  return found === "cpu" ? backend : found;
};

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

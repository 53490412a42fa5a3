import { ArgumentError } from "../base/index.ts";
import { type Lowering, portable, webgpu } from "../lower/index.ts";

/** Where onnxruntime computes. Which of them are there depends on its build and on the machine. */
export const deviceNames = ["cpu", "webgpu", "cuda", "coreml", "dml"] as const;
export type Device = (typeof deviceNames)[number];
export type OtherDevice = Exclude<Device, "cpu">;

/** What graphs are lowered to on a device other than the CPU. */
const lowerings: Readonly<Record<OtherDevice, Lowering>> = {
  webgpu,
  cuda: portable,
  coreml: portable,
  dml: portable,
};

/** What graphs are lowered to on a device; null on the CPU, where it depends on what they are for. */
export const loweringOn = (device: Device): Lowering | null => (device === "cpu" ? null : lowerings[device]);

/** How to get a device. */
const remedies: Readonly<Record<OtherDevice, string>> = {
  webgpu:
    "in Node.js on Linux it needs the GPU's Vulkan driver and a loader (Debian: mesa-vulkan-drivers, libvulkan1), in a browser https: or localhost",
  cuda: "on Linux x64 with an NVIDIA GPU, CUDA 12 and cuDNN 9: ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node",
  coreml: "onnxruntime has it on macOS alone",
  dml: "onnxruntime has it on Windows alone",
};

/**
 * Opens a session on a device.
 * @param known the devices of onnxruntime's build
 * @throws ArgumentError, in place of onnxruntime's complaint, for a device that it does not know or find
 */
export const openedOn = async <T>(
  device: Device,
  known: readonly Device[],
  open: () => Promise<T>,
): Promise<T> => {
  if (!known.includes(device)) throw deviceMissing(device, `a build of onnxruntime for ${known.join(", ")}`);
  try {
    return await open();
  } catch (error) {
    throw device === "cpu" ? error : deviceMissing(device, reasonOf(error as Error));
  }
};

const deviceMissing = (device: Device, got: string): ArgumentError =>
  new ArgumentError({
    who: `device ${device}`,
    expected: "one that onnxruntime finds here",
    got,
    ...(device !== "cpu" && { hint: remedies[device] }),
  });

/** What onnxruntime means, without the place in its source and the condition that it states first. */
const reasonOf = ({ message }: Error): string =>
  message
    .replace(/^.* was false\. /s, "")
    .trim()
    .replace(/\.$/, "");

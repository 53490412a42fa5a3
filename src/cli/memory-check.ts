import { freemem, totalmem } from "node:os";
import { UndiffuseError } from "../base/index.ts";
import { showSize } from "./model-download.ts";

/**
 * Bytes that a process may still take before the machine swaps. What macOS calls free leaves out what it would give back
 * at once: there the bound is all that it has.
 */
const availableMemory = (): number =>
  process.platform === "darwin" ? totalmem() : (process.availableMemory?.() ?? freemem());

/** @throws UndiffuseError where weights alone have no room, before they are read */
export const requireMemory = (who: string, bytes: number, available = availableMemory()): void => {
  if (bytes > available)
    throw new UndiffuseError({
      who,
      expected: `${showSize(bytes)} of free memory for its weights`,
      got: showSize(available),
      hint: "--dry-run says what takes how much; close other programs, or take a smaller model",
    });
};

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { loader } from "../loader.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** A Vulkan driver that computes on the processor, and the loader that finds it: Chromium brings both. */
const driver = "vk_swiftshader_icd.json";
const folders = [
  ...(process.env.CHROMIUM ? [dirname(process.env.CHROMIUM)] : []),
  "/usr/lib/chromium",
  "/usr/lib/chromium-browser",
];

/** What makes a process find that driver; null where there is none. */
export const softwareGpu: Readonly<Record<string, string>> | null =
  folders
    .filter((folder) => [driver, "libvulkan.so.1"].every((file) => existsSync(join(folder, file))))
    .map((folder) => ({ LD_LIBRARY_PATH: folder, VK_ICD_FILENAMES: join(folder, driver) }))[0] ?? null;

/** Why a test is left out. */
export const NO_SOFTWARE_GPU = `no ${driver} with libvulkan.so.1 beside it: apt-get install chromium`;

/** Node.js as a process of its own on that driver. */
export const nodeOnSoftwareGpu = (words: readonly string[]) =>
  promisify(execFile)(process.execPath, words, {
    cwd: root,
    env: { ...process.env, ...softwareGpu },
    maxBuffer: 2 ** 26,
  });

/** The JSON that a script of the tests writes on that driver. */
export const onSoftwareGpu = async <T>(script: string): Promise<T> =>
  JSON.parse((await nodeOnSoftwareGpu([...loader, script])).stdout);

/** Milliseconds for a test on that driver, which compiles shaders on processors that others may keep busy. */
export const SHADER_PATIENCE = 300_000;

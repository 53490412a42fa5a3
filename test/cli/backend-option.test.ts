import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { host } from "#host";
import { chosenBackend } from "../../src/cli/backend-option.ts";
import { decodeImage } from "../../src/formats/index.ts";
import { NO_SOFTWARE_GPU, nodeOnSoftwareGpu, SHADER_PATIENCE, softwareGpu } from "../runtime/software-gpu.ts";
import { temporaryFolder, undiffuse, writeTinyRecipe } from "./program.ts";

/** A level of 255: a value beside the border between two levels may fall on either side. */
const LEVEL = 1;

describe("--device and --backend", () => {
  it("are one choice: what runs on the CPU, or another device", async () => {
    expect(await chosenBackend({ device: undefined, backend: undefined })).toBeUndefined();
    expect(await chosenBackend({ device: "cpu", backend: "native" })).toBe("native");
    expect(await chosenBackend({ device: undefined, backend: "onnx" })).toBe("onnx");
  });

  it.each(["auto", "webgpu", "cuda", "coreml", "dml"] as const)(
    "that contradict each other are refused: native and %s",
    async (device) => {
      await expect(chosenBackend({ device, backend: "native" })).rejects.toThrow(
        `--backend native: expected --device cpu, where the native engine runs, got --device ${device}`,
      );
    },
  );

  it.each(["train", "sample", "evaluate"])(
    "undiffuse %s refuses an unknown device as a usage",
    async (command) => {
      const { code, stderr } = await undiffuse([command, "digits", "--device", "abacus"]);
      expect(stderr).toMatch(/Allowed choices are auto, cpu, webgpu, cuda, coreml, dml/);
      expect(code).toBe(2);
    },
  );

  it.each(["train", "sample", "evaluate"])(
    "undiffuse %s ends with 1 for a device that is not here",
    async (command) => {
      const known = await host.devices();
      const device = known.includes("dml") ? "coreml" : "dml";
      const words = { train: "digits", sample: "emoji", evaluate: "emoji" }[command] as string;
      const { code, stderr } = await undiffuse([command, words, "--device", device]);
      expect(stderr).toMatch(
        new RegExp(
          `device ${device}: expected .* got a build of onnxruntime for ${known.join(", ")}\n.*hint: `,
        ),
      );
      expect(code).toBe(1);
    },
  );
});

describe("undiffuse sample on Chromium's software driver", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    const recipe = await writeTinyRecipe(folder, { steps: 5 });
    expect((await undiffuse(["train", recipe, "--out", join(folder, "run")])).code).toBe(0);
  });

  const words = (name: string) => [
    ...["sample", join(folder, "run"), "--out", join(folder, name)],
    ...["--count", "1", "--singles", "--batch", "1"],
  ];
  const pixels = async (name: string) =>
    (await decodeImage(await readFile(join(folder, name, "00000.png")), { size: 16, channels: 1 })).data;

  it(
    "with --device auto takes WebGPU, says so, and makes the CPU's image",
    async (context) => {
      if (!softwareGpu) return context.skip(NO_SOFTWARE_GPU);
      expect((await undiffuse(words("cpu"))).code).toBe(0);
      const program = "dist/cli/main.js";
      const { stderr } = await nodeOnSoftwareGpu([program, ...words("webgpu"), "--device", "auto"]);
      expect(stderr).toMatch(/^device webgpu: agrees with the CPU to \de-\d, tested in \d+ ms$/m);
      const [got, expected] = await Promise.all([pixels("webgpu"), pixels("cpu")]);
      expect(new Set(expected).size).toBeGreaterThan(10);
      got.forEach((level, i) => {
        expect(Math.abs(level - (expected[i] as number))).toBeLessThanOrEqual(LEVEL);
      });
    },
    SHADER_PATIENCE,
  );
});

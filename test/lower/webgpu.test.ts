import { describe, expect, it } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { webgpu } from "../../src/lower/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { cos, sign, sin, trace } from "../../src/tensor/index.ts";
import { NO_SOFTWARE_GPU, onSoftwareGpu, SHADER_PATIENCE, softwareGpu } from "../runtime/software-gpu.ts";
import { gradientPrograms, plainPrograms } from "./programs.ts";
import { describeTogether } from "./together.ts";
import type { Findings } from "./webgpu-findings.ts";

describeTogether("the lowering for WebGPU computes what the plain loops do", webgpu, plainPrograms);
describeTogether(
  "the lowering for WebGPU computes the gradients that the plain loops do",
  webgpu,
  gradientPrograms,
);

describe("the lowering for WebGPU", () => {
  it("has sines and cosines of large angles, by additions and multiplications alone", async () => {
    const angles = [0, 1e-3, 1, Math.PI / 2, 3.2, -6.3, 50, 999, -999, 12_345, 1e5, -1e5];
    const graph = trace({ x: { shape: [angles.length] } }, ({ x }) => ({ sine: sin(x), cosine: cos(x) }));
    const run = await compile(graph, { target: webgpu, worker: false });
    const { sine, cosine } = await run({ x: NDArray.of(angles) });
    await run.close();
    angles.map(Math.fround).forEach((angle, i) => {
      expect(sine?.data[i], `sin ${angle}`).toBeCloseTo(Math.sin(angle), 6);
      expect(cosine?.data[i], `cos ${angle}`).toBeCloseTo(Math.cos(angle), 6);
    });
  });

  it("has the signs of zeros and of what is no number by comparison", async () => {
    const graph = trace({ x: { shape: [5] } }, ({ x }) => ({ y: sign(x) }));
    const run = await compile(graph, { target: webgpu, worker: false });
    const { y } = await run({ x: NDArray.of([-2, -0, 0, 1e-30, Number.POSITIVE_INFINITY]) });
    await run.close();
    expect([...(y?.data ?? [])].map((value) => value + 0)).toEqual([-1, 0, 0, 1, 1]);
  });
});

describe("WebGPU in Node.js, on Chromium's software driver", () => {
  it(
    "computes every operation and its gradient, none of them left to the CPU",
    async (context) => {
      if (!softwareGpu) return context.skip(NO_SOFTWARE_GPU);
      expect(await onSoftwareGpu<Findings>("test/lower/webgpu-findings.ts")).toEqual({
        programs: plainPrograms.length + gradientPrograms.length,
        wrong: [],
        leftToTheCpu: { webgpu: false, portable: true },
      } satisfies Findings);
    },
    SHADER_PATIENCE,
  );
});

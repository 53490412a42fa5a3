import { afterEach, describe, expect, it, vi } from "vitest";
import { host } from "#host";
import { ArgumentError, NDArray } from "../../src/base/index.ts";
import { portable, webgpu } from "../../src/lower/index.ts";
import { compile, deviceNames, deviceOf, inferTarget, trainTarget } from "../../src/runtime/index.ts";
import { trace } from "../../src/tensor/index.ts";
import { expectAgreement, largest, TOLERANCE } from "../browser/agreement.ts";
import { type NetworkResults, smallExperiment } from "../browser/page.ts";
import { NO_SOFTWARE_GPU, onSoftwareGpu, SHADER_PATIENCE, softwareGpu } from "./software-gpu.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

const double = () => trace({ x: { shape: [2] } }, ({ x }) => ({ y: x.mul(2) }));

describe("a device", () => {
  it("is the CPU where none is named, and on every machine", async () => {
    expect(await host.devices()).toContain("cpu");
    for (const device of [undefined, "cpu"] as const) {
      const run = await compile(double(), { worker: false, ...(device && { device }) });
      expect([...((await run({ x: NDArray.of([1, 2]) })).y?.data ?? [])]).toEqual([2, 4]);
      await run.close();
    }
  });

  it.each(deviceNames.filter((device) => device !== "cpu"))(
    "%s that onnxruntime was not built with is refused, with what it was built for and a way out",
    async (device) => {
      vi.spyOn(host, "devices").mockResolvedValue(["cpu"]);
      await expect(compile(double(), { device, worker: false })).rejects.toThrow(
        new RegExp(`^device ${device}: expected .*, got a build of onnxruntime for cpu\n {2}hint: `),
      );
    },
  );

  it("that this machine has not is refused without onnxruntime's source lines", async () => {
    vi.spyOn(host, "devices").mockResolvedValue(["cpu", "coreml", "dml"]);
    const here = process.platform === "darwin" ? "dml" : "coreml";
    const refused = compile(double(), { device: here, worker: false });
    await expect(refused).rejects.toThrow(ArgumentError);
    await expect(refused).rejects.not.toThrow(/onnxruntime_src|lambda/);
  });

  it("that is missing is told of by a worker as well", async () => {
    const absent = deviceNames.filter((device) => device !== "cpu");
    const known = await host.devices();
    const device = absent.find((each) => !known.includes(each)) as "coreml" | "dml";
    await expect(compile(double(), { device, worker: true })).rejects.toThrow(
      `device ${device}: expected one that onnxruntime finds here, got a build of onnxruntime for ${known.join(", ")}`,
    );
  });
});

describe("a backend", () => {
  it("is the CPU's, or a device with the lowering for it", async () => {
    expect((["auto", "onnx", "native", undefined] as const).map(deviceOf)).toEqual(Array(4).fill("cpu"));
    expect(deviceOf("cuda")).toBe("cuda");
    expect(inferTarget("webgpu")).toBe(webgpu);
    expect(await trainTarget("webgpu", "auto")).toBe(webgpu);
    expect(await trainTarget("coreml")).toBe(portable);
  });

  it("on another device than the CPU computes in fp32 alone", async () => {
    await expect(trainTarget("webgpu", "bf16")).rejects.toThrow("leave --device out");
  });
});

describe("WebGPU in Node.js, on Chromium's software driver", () => {
  it(
    "agrees with the CPU: a network's images and the gradients of a training step",
    async (context) => {
      if (!softwareGpu) return context.skip(NO_SOFTWARE_GPU);
      const got = await onSoftwareGpu<NetworkResults>("test/runtime/webgpu-results.ts");
      const expected = await smallExperiment({ worker: false });
      expect(largest(expected.images)).toBeGreaterThan(100 * TOLERANCE);
      expectAgreement(got, expected);
    },
    SHADER_PATIENCE,
  );
});

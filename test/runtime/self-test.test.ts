import { afterEach, describe, expect, it, vi } from "vitest";
import { host } from "#host";
import { ArgumentError, type PlainArray } from "../../src/base/index.ts";
import { chooseDevice, selfTest } from "../../src/runtime/index.ts";

const open = host.openSession;

afterEach(() => {
  vi.restoreAllMocks();
});

/**
 * A host whose other devices are the CPU, but for what they do to results by name; one that has no entry is missing.
 */
const pretend = (devices: Readonly<Record<string, (name: string, value: number) => number>>): void => {
  vi.spyOn(host, "devices").mockResolvedValue(["cpu", "webgpu", "cuda"]);
  vi.spyOn(host, "openSession").mockImplementation(async (model, { device = "cpu", ...options }) => {
    const session = await open(model, options);
    if (device === "cpu") return session;
    const change = devices[device];
    if (!change)
      throw new ArgumentError({ who: `device ${device}`, expected: "one that is there", got: "none" });
    const changed = (name: string, { data, ...array }: PlainArray): PlainArray => ({
      ...array,
      data: Float32Array.from(data as Float32Array, (value) => change(name, value)),
    });
    return {
      ...session,
      async run(feeds) {
        const results = Object.entries(await session.run(feeds));
        return Object.fromEntries(results.map(([name, array]) => [name, changed(name, array)]));
      },
    };
  });
};

const exact = (_: string, value: number) => value;
const wrongIn = (wrong: string, by: number) => (name: string, value: number) =>
  name === wrong ? value * (1 + by) : value;

const choice = async () => {
  const said: string[] = [];
  return { device: await chooseDevice((line) => said.push(line)), said };
};

describe("the self-test", () => {
  it("passes a device that agrees, and says how well and how long it took", async () => {
    pretend({ webgpu: (_, value) => value * (1 + 1e-5) });
    const { device, difference, ms } = await selfTest("webgpu");
    expect(device).toBe("webgpu");
    expect(difference).toBeGreaterThan(1e-6);
    expect(difference).toBeLessThan(1e-4);
    expect(ms).toBeGreaterThan(0);
  });

  it.each([
    "sine",
    "convolution",
    "group norm with SiLU",
    "matrix product",
    "attention",
    ...["x", "kernel", "bias", "scale", "shift", "projection"].map((name) => `gradient in ${name}`),
  ])("names the %s that differs", async (name) => {
    pretend({ cuda: wrongIn(name, 2e-3) });
    await expect(selfTest("cuda")).rejects.toThrow(
      `device cuda: expected the CPU's results to 0.001, got another ${name}, by 0.0020 of its largest value`,
    );
    pretend({ cuda: wrongIn(name, 5e-4) });
    expect((await selfTest("cuda")).difference).toBeCloseTo(5e-4);
  });

  it("passes no NaN", async () => {
    pretend({ webgpu: (name, value) => (name === "attention" ? Number.NaN : value) });
    await expect(selfTest("webgpu")).rejects.toThrow("got another attention, by NaN");
  });

  it("raises what the device raises", async () => {
    pretend({});
    await expect(selfTest("webgpu")).rejects.toThrow("device webgpu: expected one that is there, got none");
  });
});

describe("the choice of a device", () => {
  it("is the first that agrees", async () => {
    pretend({ cuda: exact, webgpu: exact });
    const { device, said } = await choice();
    expect(device).toBe("cuda");
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(/^device cuda: agrees with the CPU to \de-\d, tested in \d+ ms$/);
  });

  it("passes over what is missing and what differs, and says why", async () => {
    pretend({ webgpu: wrongIn("convolution", 0.1) });
    const { device, said } = await choice();
    expect(device).toBe("cpu");
    expect(said).toEqual([
      "device cuda: expected one that is there, got none; passed over",
      expect.stringMatching(/^device webgpu: .* got another convolution, by 0\.10 .*; passed over$/),
      "device cpu: no other is left",
    ]);
  });

  it("hides no fault of ours", async () => {
    vi.spyOn(host, "devices").mockResolvedValue(["cpu", "webgpu"]);
    vi.spyOn(host, "openSession").mockRejectedValue(new TypeError("a bug"));
    await expect(choice()).rejects.toThrow("a bug");
  });
});

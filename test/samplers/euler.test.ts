import { expect, test } from "vitest";
import { Generator } from "../../src/base/index.ts";
import { CLEAN, noiseProcesses } from "../../src/diffusion/index.ts";
import { ddim, euler } from "../../src/samplers/index.ts";
import { chain, refuseNoise } from "./walks.ts";

const flow = noiseProcesses.rectified_flow();
const x = new Generator(0).normal([64]);

/** A few float32 roundings. */
const ROUNDED = 2e-6;

test.each([
  ["karras", chain.level(600), chain.level(300)],
  ["karras", chain.level(600), CLEAN],
  ["flow", chain.level(600), chain.level(300)],
  ["flow", flow.level(1), flow.level(0.25)],
  ["flow", flow.level(0.5), CLEAN],
] as const)("in the frame %s a step lands where DDIM does", async (frame, from, to) => {
  const denoise = async () => ({ x0: x.mul(0.3).add(0.1) });
  const args = { x, from, to, denoise, noise: refuseNoise, memory: undefined };
  const [a, b] = await Promise.all([euler({ frame }).step(args), ddim().step(args)]);
  for (const [i, value] of a.x.data.entries())
    expect(Math.abs(value - (b.x.data[i] as number))).toBeLessThan(ROUNDED);
});

import { describe, expect, it } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { diffusionProcess, networkDenoiser, scheduleSchema } from "../../src/diffusion/index.ts";
import type { Conditions } from "../../src/pipelines/conditions.ts";
import { guidanceEmbedding, latentDenoiser } from "../../src/pipelines/latent-denoiser.ts";

const process = diffusionProcess(scheduleSchema.parse({ beta_schedule: "scaled_linear" }));
const level = process.level(500);
const x = new Generator(3).normal([2, 4, 2, 2]);
const of = (value: number): Conditions => ({ states: NDArray.full([2, 1, 3], value) });

/** A network whose output is its first four channels times what it is told, and that keeps what it was asked. */
const network = () => {
  const asked: Conditions[] = [];
  const run = async (feeds: Conditions): Promise<NDArray> => {
    asked.push(feeds);
    const { sample, states } = feeds as { sample: NDArray; states: NDArray };
    const rows = sample.split().map((row, k) => row.rows(0, 4).mul(states.row(k).data[0] as number));
    return NDArray.stack(rows);
  };
  return { asked, run };
};
const parts = { reading: { prediction: "v_prediction" } as const, wanted: of(2), others: of(0.5) };

describe("latentDenoiser", () => {
  it("guides what the network says itself, both estimates in one batch", async () => {
    const { run, asked } = network();
    const denoiser = latentDenoiser({ ...parts, run, guidance: { scale: 3 } });
    const { x0 } = await denoiser(x, level);
    const said = 0.5 + 3 * (2 - 0.5);
    const wanted = await networkDenoiser(async (seen) => seen.mul(said), parts.reading)(x, level);
    x0.data.forEach((value, i) => {
      expect(value).toBeCloseTo(wanted.x0.data[i] as number, 5);
    });
    expect(asked.map(({ sample }) => sample?.shape[0])).toEqual([4]);
  });

  it.each([
    [1, 2],
    [0, 0.5],
  ])("asks for one estimate alone at a scale of %d", async (scale, told) => {
    const { run, asked } = network();
    await latentDenoiser({ ...parts, run, guidance: { scale } })(x, level);
    expect(asked.map(({ states }) => states?.data[0])).toEqual([told]);
  });

  it("leaves guidance out beyond its interval", async () => {
    const { run, asked } = network();
    await latentDenoiser({ ...parts, run, guidance: { scale: 3, interval: [20, 30] } })(x, level);
    expect(asked.map(({ sample }) => sample?.shape[0])).toEqual([2]);
  });

  it("shows channels beside x, to both estimates", async () => {
    const { run, asked } = network();
    const beside = NDArray.full([2, 5, 2, 2], 9);
    await latentDenoiser({ ...parts, run, beside, guidance: { scale: 3 } })(x, level);
    const sample = asked[0]?.sample as NDArray;
    expect(sample.shape).toEqual([4, 9, 2, 2]);
    expect(sample.row(3).rows(0, 4).data).toEqual(x.row(1).data);
    expect([...sample.row(3).rows(4, 9).data].every((value) => value === 9)).toBe(true);
  });

  it("gives contrast back to what was guided", async () => {
    const { run } = network();
    const plain = await latentDenoiser({ ...parts, run, others: null, guidance: { scale: 3 } })(x, level);
    const given = await latentDenoiser({ ...parts, run, guidance: { scale: 3, rescale: 1 } })(x, level);
    given.x0.data.forEach((value, i) => {
      expect(value).toBeCloseTo(plain.x0.data[i] as number, 4);
    });
  });
});

describe("guidanceEmbedding", () => {
  it("is diffusers' get_guidance_scale_embedding of scale − 1", () => {
    // torch: w = 7 · 1000; sin and cos of w · exp(−i ln(10000) / 3), i = 0 … 3, and a zero where the width is odd.
    const angles = [0, 1, 2, 3].map((i) => 7000 * 10000 ** (-i / 3));
    const wanted = [...angles.map(Math.sin), ...angles.map(Math.cos), 0];
    guidanceEmbedding(8, 9).data.forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[i] as number, 2);
    });
  });
});

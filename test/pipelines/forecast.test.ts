import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { folderSource, forecastPicture, measureRate, weightBytes } from "../../src/pipelines/index.ts";
import { fixtureOf, folderOf } from "./folder.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "forecast-"));
});
afterAll(() => rm(root, { recursive: true }));

const sourceOf = async (name: string) => {
  const fixture = await fixtureOf(name);
  return folderSource(await folderOf(root, fixture, fixture.cases[0]?.scheduler as string));
};

describe("what a picture takes", () => {
  it.each(["text-to-image", "inpaint-nine", "upscale", "variation", "latent-consistency", "xl"])(
    "is told of %s",
    async (name) => {
      const source = await sourceOf(name);
      const { evaluation, parts, steps } = await forecastPicture(source, { width: 64, height: 32, steps: 7 });
      expect(steps).toBe(7);
      expect(parts.map((part) => part.name)).toContain("unet");
      expect(weightBytes(parts)).toBeGreaterThan(parts.reduce((sum, { held }) => sum + held, 0));
      expect(evaluation.bytes).toBeGreaterThan(0);
      const alone = await forecastPicture(source, { width: 64, height: 32, guidance: 1 });
      const times = name === "latent-consistency" ? 1 : 2;
      expect(evaluation.flop / alone.evaluation.flop).toBe(times);
    },
  );

  it("is of the model's own size where none is asked for", async () => {
    const { width, height, evaluation } = await forecastPicture(await sourceOf("text-to-image"), {});
    const larger = await forecastPicture(await sourceOf("text-to-image"), { width: 2 * width, height });
    expect(larger.evaluation.flop).toBeGreaterThan(1.9 * evaluation.flop);
  });

  it("refuses sizes that latents do not fill", async () => {
    await expect(forecastPicture(await sourceOf("text-to-image"), { width: 50 })).rejects.toThrow("multiple");
  });
});

it("measures how fast a piece of a network runs", async () => {
  expect(await measureRate({ threads: 1 })).toBeGreaterThan(1e8);
});

import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { footprint, openSource } from "../../src/pipelines/index.ts";
import { fixtureOf, folderOf, type PipelineFixture } from "./folder.ts";

let root: string;
let fixture: PipelineFixture;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "sources-"));
  fixture = await fixtureOf("xl");
});
const folder = () =>
  folderOf(root, fixture, (fixture.cases[0] as PipelineFixture["cases"][number]).scheduler);

describe("openSource", () => {
  it("opens a folder", async () => {
    const source = await openSource(await folder());
    expect(source.className).toBe("StableDiffusionXLPipeline");
    expect((await source.component("scheduler")).config._class_name).toMatch(/Scheduler$/);
  });

  it("says what it takes where there is nothing", async () => {
    await expect(openSource(join(root, "none"))).rejects.toThrow(
      /expected a folder, a file, or owner\/name of the Hugging Face hub, got .*none, which is not there/,
    );
  });

  it.each([{ ema: true }, { tokenizer: "x" }, { prediction: "epsilon" as const }])(
    "refuses to ask a folder what it says itself: %o",
    async (asked) => {
      await expect(openSource(await folder(), asked)).rejects.toThrow(
        `${Object.keys(asked)[0]}: expected a single file`,
      );
    },
  );

  it("asks the hub for owner/name, and says so where it may not", async () => {
    const env = { HF_HUB_OFFLINE: "1", HF_HOME: root };
    await expect(openSource("owner/model", { env })).rejects.toThrow(/owner\/model.*HF_HUB_OFFLINE/s);
  });
});

describe("footprint", () => {
  it("counts the parameters and bytes of each part that has weights", async () => {
    const parts = await footprint(await openSource(await folder()));
    expect(parts.map(({ name }) => name).sort()).toEqual(["text_encoder", "text_encoder_2", "unet", "vae"]);
    for (const { parameters, stored, held } of parts) {
      expect(parameters).toBeGreaterThan(1000);
      expect(stored).toBe(2 * parameters); // halves
      expect(held).toBe(4 * parameters);
    }
  });
});

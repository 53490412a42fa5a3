import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkComponent, folderSource, supportOf } from "../../src/pipelines/index.ts";
import { fixtureOf, folderOf } from "./folder.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "support-"));
});
afterAll(() => rm(root, { recursive: true }));

const folder = async (name: string): Promise<string> => {
  const fixture = await fixtureOf(name);
  return folderOf(root, fixture, fixture.cases[0]?.scheduler ?? "");
};
const change = async (path: string, more: object): Promise<void> =>
  writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), ...more }));

describe("supportOf", () => {
  // All of these open, as test/pipelines/open-pipeline.test.ts shows.
  it.each([
    ["text-to-image", ["none", "image", "inpaint"]],
    ["inpaint-nine", ["inpaint"]],
    ["upscale", ["upscale"]],
    ["variation", ["variation"]],
    ["latent-consistency", ["none", "image", "inpaint"]],
    ["xl-image-to-image", ["none", "image", "inpaint"]],
  ])("finds no fault with %s, which begins with %j", async (name, sources) => {
    expect(await supportOf(await folderSource(await folder(name)))).toEqual({ sources, faults: [] });
  });

  it("lists every part that is not supported, and not the first alone", async () => {
    const path = await folder("xl");
    await change(join(path, "scheduler", "scheduler_config.json"), { prediction_type: "flow_prediction" });
    await change(join(path, "text_encoder_2", "config.json"), { hidden_act: "swish2" });
    await rm(join(path, "tokenizer_2", "vocab.json"));
    const { faults } = await supportOf(await folderSource(path));
    expect(faults.map((fault) => fault.slice(0, fault.indexOf(":")))).toEqual([
      "text_encoder_2",
      "tokenizer_2",
      "scheduler",
    ]);
    expect(faults.join("\n")).toMatch(/swish2|hidden_act/);
  });

  it("asks upscalers for what noised their small pictures", async () => {
    const path = await folder("upscale");
    await rm(join(path, "low_res_scheduler"), { recursive: true });
    expect((await supportOf(await folderSource(path))).faults).toEqual([
      expect.stringMatching(/^low_res_scheduler: expected /),
    ]);
  });

  it("finds fault with channels that nothing fills", async () => {
    const path = await folder("text-to-image");
    await change(join(path, "unet", "config.json"), { in_channels: 5 });
    expect(await supportOf(await folderSource(path))).toEqual({
      sources: [],
      faults: [expect.stringMatching(/^unet\.in_channels: expected 4, 9 .*, got 5$/)],
    });
  });

  it.each(["FluxPipeline", "constructor"])("does not know %s", async (name) => {
    const path = await folder("text-to-image");
    await change(join(path, "model_index.json"), { _class_name: name });
    const { sources, faults } = await supportOf(await folderSource(path));
    expect(sources).toEqual([]);
    expect(faults).toEqual([expect.stringContaining(`got ${name}`)]);
  });

  it("knows pipelines of noise alone, and their faults", async () => {
    const ddpm = new URL("../fixtures/folders/ddpm", import.meta.url).pathname;
    expect(await supportOf(await folderSource(ddpm))).toEqual({ sources: ["none"], faults: [] });
    const path = await folder("text-to-image");
    await change(join(path, "model_index.json"), { _class_name: "DDPMPipeline" });
    expect((await supportOf(await folderSource(path))).faults).toEqual([
      "unet: expected UNet2DModel, got UNet2DConditionModel",
    ]);
  });
});

describe("checkComponent", () => {
  it("gives a network's configuration with its defaults", async () => {
    const config = await checkComponent({ className: "AutoencoderTiny", folder: "x", config: {} });
    expect(config.latent_channels).toBe(4);
  });
  it.each(["constructor", "T5EncoderModel"])("refuses %s with what is known", async (className) => {
    await expect(checkComponent({ className, folder: "x", config: {} })).rejects.toThrow(`got ${className}`);
  });
});

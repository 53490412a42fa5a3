import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { startHub } from "../formats/local-hub.ts";
import { fixtureOf, folderOf, type PipelineFixture } from "../pipelines/folder.ts";
import { temporaryFolder, undiffuse } from "./program.ts";

let root: string;
let model: string;
beforeAll(async () => {
  root = await temporaryFolder();
  const fixture = await fixtureOf("text-to-image");
  model = await folderOf(root, fixture, (fixture.cases[0] as PipelineFixture["cases"][number]).scheduler);
});
const pictureOf = async (folder: string, ...words: readonly string[]): Promise<Buffer> => {
  const out = join(root, `of-${folder.replaceAll("/", "-")}`);
  const asked = [
    "generate",
    "a fox",
    "--model",
    folder,
    "--steps",
    "2",
    "--size",
    "32x32",
    "-o",
    out,
    ...words,
  ];
  expect((await undiffuse(asked)).code).toBe(0);
  // What differs is the name of the folder among the texts: the pixels are the last chunk before the end.
  const png = await readFile(join(out, "00000.png"));
  return png.subarray(png.indexOf("IDAT"));
};

describe("undiffuse import", () => {
  it("writes a folder that makes the pictures of what it came from, bit for bit", async () => {
    const out = join(root, "new", "folder");
    expect((await undiffuse(["import", model, "-o", out])).code).toBe(0);
    const parts = ["model_index.json", "scheduler", "text_encoder", "tokenizer", "unet", "vae"];
    expect((await readdir(out)).sort()).toEqual(parts);
    expect(await pictureOf(out)).toEqual(await pictureOf(model));
  });

  it("in half the bytes where they are asked for, as the variant fp16", async () => {
    const out = join(root, "half");
    expect((await undiffuse(["import", model, "-o", out, "--half"])).code).toBe(0);
    expect(await readdir(join(out, "unet"))).toContain("diffusion_pytorch_model.fp16.safetensors");
    // The fixture's weights are halves already.
    expect(await pictureOf(out, "--variant", "fp16")).toEqual(await pictureOf(model));
  });

  it("writes numbers with a point where transformers refuses whole ones", async () => {
    const out = join(root, "points");
    await undiffuse(["import", model, "-o", out]);
    const text = await readFile(join(out, "text_encoder", "config.json"), "utf8");
    expect(text).toMatch(/"initializer_factor": 1\.0/);
    expect(text).toMatch(/"attention_dropout": 0\.0/);
    expect(text).toMatch(/"hidden_size": 16,/);
  });

  it("says in a dry run what would be downloaded, and downloads none of it", async () => {
    const hub = await startHub();
    const cache = join(root, "cache");
    for (const file of await readdir(model, { recursive: true, withFileTypes: true }))
      if (file.isFile()) {
        const path = join(file.parentPath, file.name);
        hub.files.set(relative(model, path), await readFile(path));
      }
    vi.stubEnv("HF_ENDPOINT", hub.url);
    vi.stubEnv("HF_HUB_CACHE", cache);
    const { code, stdout } = await undiffuse(["import", "owner/model", "--dry-run"]);
    vi.unstubAllEnvs();
    await hub.close();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^owner\/model: \d\.\d\d GB to download first/);
    expect(stdout).toContain("unet/diffusion_pytorch_model.safetensors");
    const fetched = await readdir(cache, { recursive: true });
    expect(fetched.filter((path) => path.endsWith(".safetensors"))).toEqual([]);
  });

  it("says what it would write, and writes nothing", async () => {
    const { code, stdout } = await undiffuse(["import", model, "--dry-run"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/unet +UNet2DConditionModel +52,004 parameters/);
  });

  it("refuses a folder that holds something, and no folder", async () => {
    const { code, stderr } = await undiffuse(["import", model, "-o", model]);
    expect(code).toBe(1);
    expect(stderr).toContain(model);
    expect((await undiffuse(["import", model])).stderr).toMatch(
      /--out: expected a folder to write, got none/,
    );
  });
});

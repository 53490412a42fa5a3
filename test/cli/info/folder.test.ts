import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeModelFolder, describePipelineFolder } from "../../../src/cli/info/folder.ts";
import { fixtureOf, fixtures, folderOf } from "../../pipelines/folder.ts";

const url = (path: string) => fileURLToPath(new URL(`../../fixtures/${path}`, import.meta.url));
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "info-"));
});
afterAll(() => rm(root, { recursive: true }));

const pipeline = async (name: string): Promise<string> => {
  const fixture = await fixtureOf(name);
  return folderOf(root, fixture, fixture.cases[0]?.scheduler ?? "");
};
const rewrite = async (path: string, change: (config: Record<string, unknown>) => object): Promise<void> =>
  writeFile(path, JSON.stringify(change(JSON.parse(await readFile(path, "utf8")))));

describe("a pipeline's folder", () => {
  it("is told of by its class, its parts with what they weigh, and the command that uses it", async () => {
    const folder = await pipeline("text-to-image");
    const rows = await describePipelineFolder(folder);
    expect(rows).toContain("pipeline      StableDiffusionPipeline");
    expect(rows).toContain("begins with   noise, a picture, a picture and a mask");
    expect(rows).toContain("unet          UNet2DConditionModel, 52,004 parameters, F16, 104.01 kB");
    expect(rows).toContain("weights       96,443 parameters, F16, 192.89 kB; 385.77 kB in memory, as fp32");
    expect(rows).toContain("supported     yes");
    expect(rows.at(-1)).toBe(`to use        undiffuse generate 'a prompt' --model ${folder}`);
    expect(rows.find((line) => line.startsWith("scheduler"))).toMatch(/Scheduler, epsilon, scaled_linear/);
  });

  it.each([
    ["inpaint-nine", "a picture and a mask", true],
    ["upscale", "a small picture to enlarge", true],
    ["variation", "a picture to vary", false],
    ["xl", "noise, a picture, a picture and a mask", true],
  ])("of %s begins with %s", async (name, wanted, prompt) => {
    const rows = await describePipelineFolder(await pipeline(name));
    expect(rows).toContain(`begins with   ${wanted}`);
    expect(rows).toContain("supported     yes");
    expect(rows.at(-1)?.includes("'a prompt'")).toBe(prompt);
  });

  it("of noise alone names what opens it, and its variants", async () => {
    const rows = await describePipelineFolder(url("folders/ddpm"));
    expect(rows).toContain("begins with   noise");
    expect(rows).toContain("unet          UNet2DModel, 18,811 parameters, F32, 75.24 kB");
    expect(rows).toContain("variants      fp16, without a name");
    expect(rows.at(-1)).toMatch(/openDiffusersUnet/);
  });

  it("that has no plain weights is described by the variant it has, which the command names", async () => {
    const folder = await pipeline("text-to-image");
    for (const part of ["unet", "vae", "text_encoder"]) {
      const base = part === "text_encoder" ? "model" : "diffusion_pytorch_model";
      const [plain, half] = [`${base}.safetensors`, `${base}.fp16.safetensors`];
      await writeFile(join(folder, part, half), await readFile(join(folder, part, plain)));
      await rm(join(folder, part, plain));
    }
    const rows = await describePipelineFolder(folder);
    expect(rows).toContain("variants      fp16");
    expect(rows.at(-1)).toMatch(/--variant fp16$/);
  });

  it("says by name all that is not supported, and how to go on to no command", async () => {
    const folder = await pipeline("text-to-image");
    await rewrite(join(folder, "unet", "config.json"), (config) => ({
      ...config,
      only_cross_attention: "some",
    }));
    await rewrite(join(folder, "model_index.json"), (index) => ({
      ...index,
      vae: ["diffusers", "AsymmetricAutoencoderKL"],
    }));
    await rm(join(folder, "tokenizer", "merges.txt"));
    const text = (await describePipelineFolder(folder)).join("\n");
    expect(text).toMatch(/supported {5}no: unet: .*only_cross_attention/);
    expect(text).toMatch(/^ {14}vae: expected AutoencoderKL or .*, got AsymmetricAutoencoderKL$/m);
    expect(text).toMatch(/^ {14}tokenizer: .*merges\.txt/m);
    expect(text).not.toMatch(/to use/);
  });

  it("of another kind is described as far as its files go", async () => {
    const folder = await pipeline("text-to-image");
    await rewrite(join(folder, "model_index.json"), ({ unet, ...index }) => ({
      ...index,
      _class_name: "FluxPipeline",
      safety_checker: ["stable_diffusion", "StableDiffusionSafetyChecker"],
    }));
    await rm(join(folder, "vae", "diffusion_pytorch_model.safetensors"));
    const text = (await describePipelineFolder(folder)).join("\n");
    expect(text).toMatch(/^supported {5}no: expected a pipeline among .*, got FluxPipeline$/m);
    expect(text).toMatch(/^vae {11}expected weights as safetensors, got only config\.json/m);
    expect(text).toMatch(/^safety_checker not there, and not needed$/m);
    expect(text).toMatch(/^text_encoder {2}CLIPTextModel, 19,680 parameters/m);
    expect(text).not.toMatch(/begins with/);
  });
});

describe("a folder of one component", () => {
  it.each([
    ["unet-xl", "UNet2DConditionModel, 90,524 parameters, F16, 181.05 kB"],
    ["text_encoder_2", /^CLIPTextModelWithProjection, .* parameters, F16/],
    ["feature_extractor", "CLIPImageProcessor"],
  ])("%s is told of by its class and weights", async (part, wanted) => {
    const [component, supported] = await describeModelFolder(join(fixtures, "parts", part));
    expect(component?.replace(/^component +/, "")).toEqual(
      typeof wanted === "string" ? wanted : expect.stringMatching(wanted),
    );
    expect(supported).toBe("supported     yes");
  });

  it("of a class that is not known is refused by name, with what is known", async () => {
    const folder = await mkdtemp(join(root, "other-"));
    await writeFile(join(folder, "config.json"), JSON.stringify({ _class_name: "SD3Transformer2DModel" }));
    await writeFile(
      join(folder, "diffusion_pytorch_model.safetensors"),
      await readFile(join(fixtures, "parts", "vae", "diffusion_pytorch_model.safetensors")),
    );
    const rows = await describeModelFolder(folder);
    expect(rows[0]).toMatch(/SD3Transformer2DModel, 24,759 parameters/);
    expect(rows.at(-1)).toMatch(
      /^supported {5}no: expected UNet2DConditionModel, .*, got SD3Transformer2DModel$/,
    );
  });

  it("of pickles only is refused with the way out", async () => {
    const folder = await mkdtemp(join(root, "pickles-"));
    await writeFile(join(folder, "config.json"), JSON.stringify({ _class_name: "AutoencoderKL" }));
    await writeFile(join(folder, "diffusion_pytorch_model.bin"), "pickle");
    await expect(describeModelFolder(folder)).rejects.toThrow(/pickles.*save_pretrained/s);
  });
});

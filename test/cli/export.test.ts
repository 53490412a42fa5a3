import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InferenceSession } from "onnxruntime-node";
import { beforeAll, describe, expect, it } from "vitest";
import type { NDArray } from "../../src/base/index.ts";
import { openDiffusersUnet } from "../../src/pipelines/index.ts";
import { openTrained, samplingOf } from "../../src/systems/index.ts";
import { temporaryFolder, undiffuse, writeTinyRecipe } from "./program.ts";

/** Of [-1, 1]: two of 255, what the project promises. */
const TOLERANCE = 2 * (2 / 255);

let folder: string;
let run: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  run = join(folder, "run");
  const recipe = await writeTinyRecipe(folder, { steps: 5 });
  expect((await undiffuse(["train", recipe, "--out", run])).code).toBe(0);
});

const last = async (frames: AsyncIterable<{ readonly x: NDArray }>): Promise<NDArray> => {
  let x: NDArray | undefined;
  for await (const frame of frames) x = frame.x;
  return (x as NDArray).clamp(-1, 1);
};
const apart = (a: NDArray, b: NDArray): number => Math.max(...a.sub(b).abs().data);

describe("undiffuse export --to diffusers", () => {
  const steps = ["--sampler", "ddim", "--steps", "4"];

  it("writes a folder whose images are the run's", async () => {
    const out = join(folder, "diffusers");
    const { code, stdout } = await undiffuse(["export", run, "--to", "diffusers", "--out", out, ...steps]);
    expect(code).toBe(0);
    expect((await readdir(out)).sort()).toEqual([
      "README.md",
      "model_index.json",
      "scheduler",
      "undiffuse.json",
      "unet",
    ]);
    expect(stdout).toContain(join(out, "unet", "diffusion_pytorch_model.safetensors"));
    const opened = await openDiffusersUnet(out);
    const model = await openTrained(run);
    const request = { seed: 2, labels: [7] };
    const sampling = samplingOf(model.recipe, { sampler: { kind: "ddim", steps: 4 } });
    const theirs = await last(opened.sample(request));
    const ours = await last(model.sample({ ...request, sampling }));
    await opened.close();
    await model.close();
    expect(apart(theirs, ours)).toBeLessThan(TOLERANCE);
  });

  it("stores float16 as Python's variant, which opens here as well", async () => {
    const out = join(folder, "half");
    const { code } = await undiffuse(["export", run, "--to", "diffusers", "--half", "-o", out, ...steps]);
    expect(code).toBe(0);
    expect(await readdir(join(out, "unet"))).toEqual([
      "config.json",
      "diffusion_pytorch_model.fp16.safetensors",
    ]);
    expect(await readFile(join(out, "README.md"), "utf8")).toContain('variant="fp16"');
    await (await openDiffusersUnet(out, { variant: "fp16" })).close();
  });

  it("says of a sampler that diffusers has not what there is instead, and writes nothing", async () => {
    const out = join(folder, "none");
    const { code, stderr } = await undiffuse(["export", run, "--to", "diffusers", "-o", out]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/sampler ddim.*⌊100 \/ 3⌋.*--sampler ddim, with a number of steps/s);
    await expect(stat(out)).rejects.toThrow();
  });

  it("leaves a folder that holds something as it is", async () => {
    const out = join(folder, "full");
    await mkdir(out);
    await writeFile(join(out, "mine.txt"), "mine");
    const { code, stderr } = await undiffuse(["export", run, "--to", "diffusers", "-o", out, ...steps]);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(/holds mine\.txt/) });
    expect(await readdir(out)).toEqual(["mine.txt"]);
  });
});

describe("undiffuse export --to onnx", () => {
  it("writes a model that onnxruntime opens, with its weights beside it on request", async () => {
    const out = join(folder, "models", "tiny.onnx");
    const { code, stdout } = await undiffuse(["export", run, "--to", "onnx", "--external", "-o", out]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/tiny\.onnx, .*kB\n.*tiny\.onnx\.data, .*kB/);
    const session = await InferenceSession.create(out);
    expect(session.inputNames).toEqual(["sample", "timestep", "class_labels"]);
    expect(session.outputNames).toEqual(["out_sample"]);
  });

  it("says in a dry run what it would write, and how large it is", async () => {
    const out = join(folder, "dry.onnx");
    const sizeOf = async (...words: string[]) => {
      const { stdout } = await undiffuse(["export", run, "--to", "onnx", "-o", out, "--dry-run", ...words]);
      expect(stdout).toContain("nothing is written");
      return Number(/dry\.onnx, ([\d.]+) kB/.exec(stdout)?.[1]);
    };
    const [whole, half] = [await sizeOf(), await sizeOf("--half")];
    expect(half).toBeGreaterThan(10);
    expect(half).toBeLessThan(whole);
    await expect(stat(out)).rejects.toThrow();
  });
});

describe("words that make no sense", () => {
  it.each([
    [["export"], /--to: expected diffusers or onnx/],
    [["export", "--to", "onnx", "--steps", "3"], /--steps: expected --to diffusers/],
    [
      ["export", "--to", "onnx", "--sampler-options", "order=1"],
      /--sampler-options: expected --to diffusers/,
    ],
    [["export", "--to", "diffusers", "--external"], /--external: expected --to onnx/],
    [["export", "--to", "diffusers", "-o", "x.safetensors"], /--out: expected a folder/],
    [["export", "--to", "pickle"], /pickle.*diffusers, onnx/s],
  ])("%s", async (words, message) => {
    const { code, stderr } = await undiffuse(words);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  it("of a model that is not there are answered with those that are", async () => {
    const { code, stderr } = await undiffuse(["export", join(folder, "absent"), "--to", "onnx"]);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(/nothing there/) });
  });
});

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NDArray } from "../../src/base/index.ts";
import { writeDiffusersFolder } from "../../src/formats/index.ts";
import { openDiffusersUnet } from "../../src/pipelines/index.ts";
import { diffusersExport, type RecipeInput } from "../../src/systems/index.ts";
import { type GenerateRequest, openStage } from "../../src/train/index.ts";
import { recipeOf, untrained } from "../systems/untrained.ts";

/** Of [-1, 1]: schedules are rounded to float32 on the way through a folder, as torch's are. */
const TOLERANCE = 2e-3;

const schedule = { beta_schedule: "squaredcos_cap_v2", num_train_timesteps: 100 };
const ddim = { kind: "ddim", steps: 10 };
const karras = { sigmas: "karras", steps: 6 };

/** Ways of sampling whose every part has to come back from the folder. */
const cases: Readonly<Record<string, RecipeInput>> = {
  "DDIM, guided": recipeOf("ddpm", { schedule }, { sampler: ddim, guidance: 2 }),
  "DDIM with noise, rescaled": recipeOf(
    "ddpm",
    { schedule },
    { sampler: { ...ddim, eta: 0.6 }, guidance: 3, rescale: 0.5 },
  ),
  "DDIM away from a class": recipeOf("ddpm", { schedule }, { sampler: ddim, guidance: 2, negative: 0 }),
  "DDIM that keeps the network's noise": recipeOf(
    "ddpm",
    { schedule },
    { sampler: { ...ddim, keepEps: true } },
  ),
  "DDPM of a learned variance": recipeOf(
    "iddpm",
    { schedule },
    {
      sampler: { kind: "ancestral", variance: "learned_range", spacing: "linspace", steps: 10 },
      guidance: 2,
    },
  ),
  "Euler's rule in ratios": recipeOf(
    "ddpm",
    { schedule },
    { sampler: { kind: "euler", frame: "karras", clip: null, ...karras } },
  ),
  "EDM within an interval": recipeOf(
    "edm",
    { sigmaData: 0.6 },
    { sampler: { kind: "dpm_multistep", ...karras }, guidance: 2, interval: [0.3, 20] },
  ),
  "a flow at times of its own": recipeOf(
    "rectified-flow",
    {},
    { sampler: { kind: "euler", steps: 6, clip: null }, guidance: 1.5 },
  ),
  "a shifted flow": recipeOf(
    "rectified-flow",
    {},
    { sampler: { kind: "euler", steps: 6, clip: null, shift: 3 } },
  ),
};

let temporary: string;
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), "undiffuse-exported-"));
});
afterAll(() => rm(temporary, { recursive: true }));

const last = async (frames: AsyncIterable<{ readonly x: NDArray }>): Promise<NDArray> => {
  let x: NDArray | undefined;
  for await (const frame of frames) x = frame.x;
  return x as NDArray;
};

describe("an exported folder samples the images of its run", () => {
  it.each(Object.entries(cases))("%s", async (name, input) => {
    const trained = untrained(input);
    const folder = join(temporary, name.replaceAll(/\W/g, "-"));
    const { pipeline, files } = diffusersExport(trained);
    await writeDiffusersFolder(folder, pipeline);
    for (const [file, content] of Object.entries(files)) await writeFile(join(folder, file), content);
    const request = { seed: 3, count: 2, labels: [1, 2] };
    const opened = await openDiffusersUnet(folder);
    const theirs = await last(opened.sample(request));
    await opened.close();
    const stage = openStage(trained.stage, trained.weights);
    const sampling = trained.recipe.sampling;
    const ours = await last(stage.generate({ ...request, sampling } as GenerateRequest<unknown>));
    await stage.close();
    expect(opened.classes).toEqual(["zero", "one", "two"]);
    expect(ours.shape).toEqual([2, 1, 16, 16]);
    expect(Math.max(...ours.data) - Math.min(...ours.data)).toBeGreaterThan(0.5); // not one grey
    expect(Math.max(...theirs.sub(ours).abs().data)).toBeLessThan(TOLERANCE);
  });
});

import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { readMetrics, runFolder } from "../../src/train/index.ts";
import { temporaryFolder, undiffuse, writeTinyRecipe } from "./program.ts";

it("undiffuse info takes the loss from steps that had one, not from skipped ones", async () => {
  const folder = await temporaryFolder();
  const run = join(folder, "run");
  const recipe = await writeTinyRecipe(folder, { steps: 3 });
  expect((await undiffuse(["train", recipe, "--out", run])).code).toBe(0);
  const { metrics } = runFolder(run);
  const losses = (await readMetrics(runFolder(run))).flatMap(({ losses }) =>
    losses ? [(losses as { loss: number }).loss] : [],
  );
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / 3;
  await appendFile(metrics, `${JSON.stringify({ step: 4, losses: { loss: Number.NaN }, skipped: true })}\n`);
  const { stdout } = await undiffuse(["info", run]);
  expect(stdout).toMatch(new RegExp(`^loss +${mean.toFixed(4)} over the last 4 steps$`, "m"));
  expect(stdout).toMatch(/^skipped +1 steps/m);
});

it("undiffuse info says which command drew a picture", async () => {
  const picture = join(await temporaryFolder(), "two.png");
  const command = "explain schedule --out two.png --schedules linear";
  const words = ["explain", "schedule", "--out", picture, "--schedules", "linear"];
  expect((await undiffuse(words)).code).toBe(0);
  const { stdout, stderr } = await undiffuse(["info", picture]);
  expect(stderr).toBe("");
  for (const word of command.split(" ")) expect(stdout).toContain(word);
  expect(stdout).toMatch(/^made by +undiffuse [\d.]+$/m);
});

describe("undiffuse info on what others made", () => {
  const fixture = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
  it.each([
    ["a pipeline's folder", fixture("folders/ddpm"), /^pipeline +DDPMPipeline$/m],
    ["a model's folder", fixture("folders/clip"), /^component +CLIPTextModel/m],
    ["a LoRA", fixture("lora/kohya.safetensors"), /^kind +a LoRA$/m],
  ])("tells of %s", async (_, path, wanted) => {
    const { code, stdout } = await undiffuse(["info", path]);
    expect(code).toBe(0);
    expect(stdout).toMatch(wanted);
  });

  it("tells of an ONNX model what goes in and comes out", async () => {
    const path = join(await temporaryFolder(), "emoji.onnx");
    expect((await undiffuse(["export", "--to", "onnx", "-o", path])).code).toBe(0);
    const { stdout } = await undiffuse(["info", path]);
    expect(stdout).toMatch(/^kind +an ONNX model by undiffuse/m);
    expect(stdout).toMatch(/^input +sample float \[batch, 3, height, width\]$/m);
    expect(stdout).toMatch(/^output +out_sample float \[batch, 3, height, width\]$/m);
    expect(stdout).toMatch(/^metadata +system: edm$/m);
  });

  it("refuses what is not there, and what is of no kind that it knows", async () => {
    const none = await undiffuse(["info", "/none/of/this"]);
    expect([none.code, none.stderr]).toEqual([1, expect.stringMatching(/expected .*, got nothing there/)]);
    const other = await undiffuse(["info", fixture("unet2d/../nn.json")]);
    expect([other.code, other.stderr]).toEqual([1, expect.stringMatching(/nn\.json: expected /)]);
    expect(other.stderr).not.toMatch(/\n {4}at /);
  });
});

import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
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

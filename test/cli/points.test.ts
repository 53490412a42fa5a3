import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { decodeImage, pictureSize } from "../../src/formats/index.ts";
import { temporaryFolder, undiffuse } from "./program.ts";

describe("a model of points", () => {
  let folder: string;
  let run: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    run = join(folder, "run");
    const recipe = join(folder, "points.json");
    await writeFile(
      recipe,
      JSON.stringify({
        name: "points",
        system: "ddpm",
        data: { kind: "density", name: "eight_gaussians", count: 500 },
        config: {
          schedule: { num_train_timesteps: 50, beta_end: 0.2 },
          conditioning: { kind: "class" },
          network: { kind: "mlp", width: 32, layers: 1 },
        },
        training: { steps: 20, batch: 32, checkpointEvery: 20 },
        sampling: { sampler: { kind: "ddim", steps: 5 } }, // clipped, so that hardly trained points stay in sight
      }),
    );
    const { code, stderr } = await undiffuse(["train", recipe, "--out", run]);
    expect(code, stderr).toBe(0);
  });

  it("shows what it makes as dots, a thousand unless another number is asked for", async () => {
    expect(await pictureSize(join(run, "previews", "0000020.png"))).toEqual({ height: 480, width: 480 });
    const dotsOf = async (words: string[]) => {
      const out = await temporaryFolder();
      const { code, stderr } = await undiffuse(["sample", run, "--out", out, "--class", "3", ...words]);
      expect(code, stderr).toBe(0);
      const size = [480, 480] as const;
      const { data } = await decodeImage(join(out, "grid.png"), { size, channels: 1, filter: "nearest" });
      // The frame is two pixels wide.
      const inside = (i: number) => [i % 480, Math.floor(i / 480)].every((at) => at > 3 && at < 476);
      return data.filter((level: number, i: number) => level < 250 && inside(i)).length;
    };
    expect(await dotsOf([])).toBeGreaterThan(5 * (await dotsOf(["--count", "10"])));
  });

  it("says what it is", async () => {
    const { stdout } = await undiffuse(["info", run]);
    expect(stdout).toMatch(/^points +of 2 numbers$/m);
    expect(JSON.parse(await readFile(join(run, "recipe.json"), "utf8")).config.network.kind).toBe("mlp");
  });

  it("begins with no picture, and is not shown as pictures", async () => {
    for (const words of [
      ["sample", run, "--from", join(run, "previews", "0000020.png")],
      ["invert", run, join(run, "previews", "0000020.png")],
      ["explain", "reverse", "--model", run, "--out", join(folder, "x.svg")],
    ]) {
      const { code, stderr } = await undiffuse(words);
      expect(stderr).toMatch(/expected a model of pictures.*, got one of points/);
      expect(code).toBe(2);
    }
  });
});

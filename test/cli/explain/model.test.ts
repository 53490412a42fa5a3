import { rm } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { runProgram } from "../../../src/cli/command.ts";
import { trainCommand } from "../../../src/cli/train.ts";
import { temporaryFolder, writeTinyRecipe } from "../program.ts";
import { drawn, explain, madeBy } from "./draw.ts";

let folder: string;
let run: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  run = join(folder, "run");
  const recipe = await writeTinyRecipe(folder, { steps: 5, heldOut: 0.01, heldOutEvery: 5 });
  const quiet = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const mute = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  const program = { name: "undiffuse", summary: "", version: "0" };
  expect(
    await runProgram(program, { train: async () => trainCommand }, ["train", recipe, "--out", run]),
  ).toBe(0);
  quiet.mockRestore();
  mute.mockRestore();
});

/** Bytes of each picture inside an SVG. */
const imagesIn = (svg: string): Buffer[] =>
  [...svg.matchAll(/data:image\/png;base64,([^"]+)/g)].map(([, data]) =>
    Buffer.from(data as string, "base64"),
  );

describe("undiffuse explain … --model", () => {
  it("reverse: draws x and its estimate at each moment, in rows of each image, by its own sampler", async () => {
    const words = ["reverse", "--model", run, "--count", "2", "--panels", "3"];
    const out = join(folder, "reverse.svg");
    const svg = await drawn(out, words);
    expect(imagesIn(svg)).toHaveLength(2 * 2 * 3);
    for (const text of ["class 0", "class 1", "step 1 of 3", "step 2 of 3", "step 3 of 3"])
      expect(svg).toContain(`>${text}<`);
    expect((await madeBy(out)).command).toContain(`--model ${run}`);
  });

  it("reverse: takes another sampler and other steps, but no more moments than steps", async () => {
    const svg = await drawn(join(folder, "other.svg"), [
      ...[
        "reverse",
        "--model",
        run,
        "--count",
        "1",
        "--panels",
        "2",
        "--sampler",
        "ancestral",
        "--steps",
        "5",
      ],
    ]);
    expect(svg).toContain(">step 5 of 5<");
    const { code, stderr } = await explain(["reverse", "--model", run, "--panels", "4"]);
    expect(stderr).toMatch(/--panels: expected 2 to 3, got 4/);
    expect(code).toBe(2);
  });

  it("guidance: draws a row at each, from the same noise", async () => {
    const words = ["guidance", "--model", run, "--count", "3", "--guidance", "0,1,5"];
    const images = imagesIn(await drawn(join(folder, "guidance.svg"), words));
    expect(images).toHaveLength(9);
    expect(images[0]).not.toEqual(images[6]);
  });

  it("interpolation: has the same ends on the line and on the circle, and other images between", async () => {
    const words = ["interpolation", "--model", run, "--columns", "3", "--seed", "4", "--to", "9"];
    const images = imagesIn(await drawn(join(folder, "between.svg"), words));
    expect(images).toHaveLength(6);
    const [first, middle, last, again, other, end] = await Promise.all(
      images.map(async (image) => [...(await sharp(image).raw().toBuffer())]),
    );
    // The circle's weights are sines: their last digits may move a grey value.
    for (const [a, b] of [
      [first, again],
      [last, end],
    ] as [number[], number[]][])
      expect(Math.max(...a.map((grey, i) => Math.abs(grey - (b[i] as number))))).toBeLessThanOrEqual(1);
    expect(middle).not.toEqual(other);
  });

  it("elbo: draws every term but the first, from the held-out losses", async () => {
    const out = join(folder, "elbo.svg");
    const { stdout } = await explain(["elbo", "--model", run, "--out", out]);
    expect(stdout).toMatch(/L_1 \+ … \+ L_99 ≈ [\d.]+ bits per dimension/);
  });

  it("elbo: says so when nothing was measured", async () => {
    await rm(join(run, "metrics.jsonl"));
    const { code, stderr } = await explain(["elbo", "--model", run, "--out", join(folder, "none.svg")]);
    expect(stderr).toMatch(/expected a held-out loss among the run's metrics, got none/);
    expect(code).toBe(1);
  });
});

import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { encodePng } from "../../src/formats/index.ts";
import { patterns } from "../evaluation/patterns.ts";
import { type Outcome, signalWhen, temporaryFolder, undiffuse } from "./program.ts";
import { trainShades, writePictures } from "./shades.ts";

const inColour = (images: NDArray): NDArray => {
  const [n = 0, , h = 0, w = 0] = images.shape;
  return NDArray.stack(images.split().map((image) => NDArray.concat([image, image, image]))).reshape([
    n,
    3,
    h,
    w,
  ]);
};

const readJson = async (folder: string) =>
  JSON.parse(await readFile(join(folder, "evaluation.json"), "utf8"));

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});

describe("undiffuse evaluate of a run", () => {
  let run: string;
  let features: string;
  beforeAll(async () => {
    run = join(folder, "run");
    features = join(folder, "net.safetensors");
    await trainShades(folder, { run, features });
  });

  describe("with a network and bits", () => {
    let outcome: Outcome;
    beforeAll(async () => {
      const words = ["evaluate", run, "--features", features, "--count", "12", "--bits", "2", "--seed", "5"];
      outcome = await undiffuse([...words, "--batch", "4", "--threads", "1"]);
    });

    test("prints every number, and writes a page and JSON into the run's folder", async () => {
      expect(outcome.stderr).not.toContain("hint");
      expect(outcome.code).toBe(0);
      const found = await readJson(join(run, "evaluation"));
      expect(found.format).toBe(1);
      expect(found.seeds).toBe("5 to 16");
      expect(found).toMatchObject({
        samples: 12,
        image: [1, 16, 16],
        reference: { name: "shades", images: 60 },
        speed: { evaluations: 3, batch: 4, timedBatches: 2, threads: 1 },
      });
      expect(found.speed.imagesPerSecond).toBeGreaterThan(0);
      const names = found.figures.map(({ name }: { name: string }) => name);
      expect(names[0]).toMatch(/^Fréchet distance over classifier of shades, [0-9a-f]{8}$/);
      expect(names.slice(-2)).toEqual([
        "bits per dimension of held-out images, at most (variational bound)",
        "bits per dimension of held-out images, by the probability-flow ODE",
      ]);
      for (const name of names) expect(outcome.stdout).toContain(name);
      expect(found.figures[0].notes[0]).toMatch(
        /^too few samples: the covariance of 12 has a rank of at most 11/,
      );
      const page = await readFile(join(run, "evaluation", "report.html"), "utf8");
      for (const name of names) expect(page).toContain(name);
    });
  });

  test("without a network says how to make one", async () => {
    const out = join(folder, "none");
    const { code, stderr } = await undiffuse(["evaluate", run, "--count", "2", "--out", out]);
    expect(code).toBe(0);
    expect(stderr).toContain("train one with: undiffuse classifier <data>");
    expect((await readdir(out)).sort()).toEqual(["evaluation.json", "report.html"]);
  });

  test("--dry-run says what would be done, and does nothing", async () => {
    const out = join(folder, "dry");
    const { code, stdout } = await undiffuse(["evaluate", run, "--dry-run", "--count", "7", "--out", out]);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^7 images generated with .*0000003\.safetensors\nagainst 60 images of shades, 12 of them held out\n/,
    );
    await expect(readdir(out)).rejects.toThrow("ENOENT");
  });

  test("interrupted, writes nothing", async () => {
    const out = join(folder, "interrupted");
    const words = ["evaluate", run, "--count", "100000", "--out", out];
    const { code } = await undiffuse(words, signalWhen(/sampling \d/, "SIGINT"));
    expect(code).toBe(130);
    await expect(readdir(out)).rejects.toThrow("ENOENT");
  });

  test("refuses more bits than there are held-out images", async () => {
    const { code, stderr } = await undiffuse(["evaluate", run, "--count", "2", "--bits", "50"]);
    expect(code).toBe(1);
    expect(stderr).toContain("--bits: expected at most the 12 held-out images, got 50");
  });

  test("refuses a network for other images", async () => {
    const pictures = await writePictures(join(folder, "small"), patterns(8).images);
    const words = ["evaluate", pictures, "--against", pictures, "--features", features];
    const { code, stderr } = await undiffuse(words);
    expect(code).toBe(1);
    expect(stderr).toMatch(/classifier of shades, [0-9a-f]{8}: expected images of 1×16×16, got 3×8×8/);
  });
});

describe("undiffuse evaluate of a folder", () => {
  let samples: string;
  let reference: string;
  beforeAll(async () => {
    samples = await writePictures(join(folder, "samples"), patterns(10, { side: 12 }).images);
    reference = await writePictures(join(folder, "reference"), patterns(10, { seed: 2, side: 12 }).images);
  });

  test("takes the reference in the samples' size, and pairs them when asked", async () => {
    const out = join(folder, "paired");
    const words = ["evaluate", samples, "--against", reference, "--paired", "--out", out];
    const { code } = await undiffuse(words);
    expect(code).toBe(0);
    const found = await readJson(out);
    expect(found.image).toEqual([3, 12, 12]);
    expect(found.speed).toBe(null);
    expect(found.figures.map(({ name }: { name: string }) => name)).toEqual([
      "sliced Wasserstein distance over pixels, 256 directions, in grey levels",
      "PSNR in decibels, pair by pair",
      "SSIM, pair by pair",
    ]);
  });

  test("takes grey pictures where the reference is grey, and refuses coloured ones", async () => {
    const digits = await writePictures(join(folder, "grey"), patterns(6, { side: 16 }).images);
    const good = await undiffuse(["evaluate", digits, "--against", "digits", "--dry-run"]);
    expect(good.stdout).toMatch(/^6 images of /);
    const images = inColour(patterns(6, { side: 16 }).images);
    images.data[0] = (images.data[0] as number) ^ 1;
    const coloured = await writePictures(join(folder, "coloured"), images);
    const bad = await undiffuse(["evaluate", coloured, "--against", "digits"]);
    expect(bad.stderr).toContain("expected grey pictures, as the reference's are, got colour in picture 1");
  });

  test.each([
    ["of another size than the reference", ["--against", "digits"], 1, "16×16 pixels, got 12×12"],
    ["without a reference", [], 2, "--against"],
    ["and bits", ["--against", "digits", "--bits", "4"], 2, "--bits: expected a run"],
    [
      "and a network that is not there",
      ["--against", "digits", "--features", "no"],
      1,
      "a readable file of a feature network",
    ],
  ])("is refused %s", async (_, words, expected, message) => {
    const { code, stderr } = await undiffuse(["evaluate", samples, ...words]);
    expect(code).toBe(expected);
    expect(stderr).toContain(message);
  });

  test("is refused with pictures of several sizes, or none", async () => {
    const mixed = await writePictures(join(folder, "mixed"), patterns(2, { side: 12 }).images);
    await writeFile(join(mixed, "z.png"), await encodePng(patterns(1, { side: 13 }).images.row(0)));
    const several = await undiffuse(["evaluate", mixed, "--against", reference]);
    expect(several.stderr).toContain("expected pictures of one size, 12×12 as the first, got 13×13 in z.png");
    const empty = join(folder, "empty");
    await mkdir(empty);
    const none = await undiffuse(["evaluate", empty, "--against", reference]);
    expect(none.stderr).toContain("expected pictures to evaluate, got none");
  });
});

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { decodeImage, encodePng } from "../../src/formats/index.ts";
import { temporaryFolder, undiffuse, writeTinyRecipe } from "./program.ts";

describe("undiffuse sample", () => {
  let run: string;
  let folder: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    run = join(folder, "run");
    const recipe = await writeTinyRecipe(folder, { steps: 5 });
    expect((await undiffuse(["train", recipe, "--out", run])).code).toBe(0);
  });

  it("writes a grid, single images and an animation, and says where", async () => {
    const out = join(folder, "all");
    const words = ["sample", run, "--out", out, "--count", "12", "--singles", "--gif", "--scale", "2"];
    const { code, stdout } = await undiffuse(words);
    expect(code).toBe(0);
    const files = await readdir(out);
    expect(files.sort()).toEqual(
      [
        ...Array.from({ length: 12 }, (_, k) => `${String(k).padStart(5, "0")}.png`),
        "denoising.gif",
        "grid.png",
      ].sort(),
    );
    expect(stdout.trim().split("\n").sort()).toEqual(files.map((file) => join(out, file)).sort());
  });

  it("records the command that makes the same image again", async () => {
    const first = join(folder, "first");
    await undiffuse([
      "sample",
      run,
      "--out",
      first,
      "--count",
      "3",
      "--seed",
      "7",
      "--singles",
      "--batch",
      "1",
    ]);
    const { stdout } = await undiffuse(["info", join(first, "00009.png")]);
    const command = stdout.match(/command +undiffuse (.*)/)?.[1]?.split(" ") ?? [];
    expect(command).toContain("--seed");
    const again = join(folder, "again");
    expect((await undiffuse([...command, "--out", again])).code).toBe(0);
    expect(await readFile(join(again, "00009.png"))).toEqual(await readFile(join(first, "00009.png")));
  });

  it("makes image k of a batch as it is alone, to a grey level", async () => {
    const [batch, alone] = [join(folder, "batch"), join(folder, "alone")];
    const words = ["--class", "3", "--singles", "--sampler", "ancestral", "--steps", "10"];
    await undiffuse(["sample", run, "--out", batch, "--count", "4", "--seed", "20", ...words]);
    await undiffuse(["sample", run, "--out", alone, "--count", "1", "--seed", "22", ...words]);
    const [a, b] = await Promise.all(
      [batch, alone].map((path) => decodeImage(join(path, "00022.png"), { size: 16, channels: 1 })),
    );
    const difference = a?.data.map((level, i) => Math.abs(level - (b?.data[i] as number)));
    expect(Math.max(...(difference as Uint8Array))).toBeLessThanOrEqual(1);
  });

  it("refuses a class that the model does not know", async () => {
    const { code, stderr } = await undiffuse(["sample", run, "--class", "seven"]);
    expect(stderr).toMatch(/--class: expected one of 0, 1, .*, got "seven"/);
    expect(code).toBe(2);
  });

  const single = async (name: string, words: readonly string[]) => {
    const out = join(folder, name);
    const outcome = await undiffuse(["sample", run, "--out", out, "--count", "1", "--singles", ...words]);
    expect(outcome.code, outcome.stderr).toBe(0);
    const [file] = (await readdir(out)).filter((name) => name !== "grid.png");
    return decodeImage(join(out, file as string), { size: 16, channels: 1 });
  };

  it("begins with a picture, and keeps what a mask covers", async () => {
    const [picture, mask] = [join(folder, "picture.png"), join(folder, "mask.png")];
    const pixels = NDArray.of(
      Array.from({ length: 256 }, (_, i) => i),
      [1, 16, 16],
      "uint8",
    );
    const top = NDArray.of(
      Array.from({ length: 256 }, (_, i) => (i < 128 ? 255 : 0)),
      [1, 16, 16],
      "uint8",
    );
    await writeFile(picture, await encodePng(pixels));
    await writeFile(mask, await encodePng(top));
    const near = await single("near", [
      "--from",
      picture,
      "--strength",
      "0.02",
      "--steps",
      "100",
      "--class",
      "3",
    ]);
    expect(near.sub(pixels).abs().mean().item()).toBeLessThan(10);
    const words = ["--from", picture, "--mask", mask, "--repaint", "2", "--class", "3", "--steps", "10"];
    const painted = await single("painted", words);
    expect([...painted.data.slice(128)]).toEqual(Array.from({ length: 128 }, (_, i) => 128 + i));
    const { stdout } = await undiffuse(["info", join(folder, "painted", "00000.png")]);
    expect(stdout).toContain(`--from ${picture} --mask ${mask} --repaint 2`);
  });

  it("takes settings of the sampler, and a diffusers scheduler of the model's schedule", async () => {
    const options = ["--class", "3", "--steps", "6"];
    const file = join(folder, "scheduler_config.json");
    await writeFile(
      file,
      JSON.stringify({
        _class_name: "UniPCMultistepScheduler",
        beta_schedule: "squaredcos_cap_v2",
        num_train_timesteps: 100,
        solver_order: 3,
      }),
    );
    const asFile = await single("file", ["--scheduler", file, ...options]);
    const settings = "order=3,spacing=linspace,clip=null,final=clean";
    const asWords = await single("words", ["--sampler", "unipc", "--sampler-options", settings, ...options]);
    expect(asWords).toEqual(asFile);
    const other = join(folder, "other.json");
    await writeFile(other, JSON.stringify({ _class_name: "DDIMScheduler" }));
    const { code, stderr } = await undiffuse(["sample", run, "--scheduler", other]);
    expect(stderr).toContain("expected the model's own schedule");
    expect(code).toBe(1);
  });

  it("takes its own options for noise, timesteps and levels, lists too", async () => {
    const options = ["--class", "3"];
    const own = ["--sampler", "ddim", "--eta", "1", "--spacing", "99,60,30,5"];
    const asOptions = await single("options", [...own, ...options]);
    const asWords = await single("listed", [
      ...["--sampler", "ddim", "--steps", "4", "--sampler-options", "eta=1,spacing=[99,60,30,5]"],
      ...options,
    ]);
    expect(asWords).toEqual(asOptions);
    const karras = await single("karras", [
      "--sampler",
      "euler",
      "--steps",
      "6",
      "--sigmas",
      "karras",
      ...options,
    ]);
    expect(karras).not.toEqual(await single("even", ["--sampler", "euler", "--steps", "6", ...options]));
  });

  it.each([
    [
      "lists and nothing",
      ["--sampler", "unipc", "--sigmas", "8,2,0.5,0.1", "--sampler-options", "clip=null"],
    ],
    ["an object", ["--steps", "4", "--sampler-options", 'clip={"quantile":0.9,"max":2}']],
    ["guidance", ["--guidance", "3", "--rescale", "0.4", "--interval", "0.2,8", "--negative", "8"]],
    ["a row between seeds", ["--interpolate", "1,2", "--steps", "4"]],
  ])("records %s so that the command makes the image again", async (_, words) => {
    const recipe = JSON.parse(await readFile(join(run, "recipe.json"), "utf8"));
    expect(recipe.sampling.guidance).toBe(2);
    const first = await temporaryFolder();
    const made = await undiffuse(["sample", run, "--out", first, "--count", "1", "--class", "3", ...words]);
    expect(made.code, made.stderr).toBe(0);
    const { stdout } = await undiffuse(["info", join(first, "grid.png")]);
    const line = stdout.match(/command +undiffuse (.*)/)?.[1] ?? "";
    // The words as a shell would split them: no quoted word here holds a space.
    const command = line.split(" ").map((word) => word.replace(/^'(.*)'$/, "$1"));
    const again = await temporaryFolder();
    const outcome = await undiffuse([...command, "--out", again]);
    expect(outcome.code, outcome.stderr).toBe(0);
    expect(await readFile(join(again, "grid.png"))).toEqual(await readFile(join(first, "grid.png")));
  });

  it("combines guidance, a mask, a strength, walks again and a stochastic sampler", async () => {
    const [picture, mask] = [join(folder, "combined.png"), join(folder, "left.png")];
    const square = (f: (i: number) => number) =>
      encodePng(
        NDArray.of(
          Array.from({ length: 256 }, (_, i) => f(i)),
          [1, 16, 16],
          "uint8",
        ),
      );
    await writeFile(picture, await square((i) => 255 - i));
    await writeFile(mask, await square((i) => (i % 16 < 8 ? 255 : 0)));
    const made = await single("combined", [
      ...["--from", picture, "--mask", mask, "--strength", "0.7", "--repaint", "2"],
      ...["--sampler", "ancestral", "--steps", "20", "--class", "5", "--negative", "6"],
      ...["--guidance", "3", "--rescale", "0.5", "--interval", "0.1,50"],
    ]);
    const right = (level: number, i: number) => (i % 16 < 8 ? null : level);
    expect([...made.data].map(right)).toEqual(Array.from({ length: 256 }, (_, i) => right(255 - i, i)));
    expect([...made.data].filter((level, i) => level !== 255 - i).length).toBeGreaterThan(32);
  });

  it("refuses a mask of another size than the picture's or the model's", async () => {
    const [picture, mask] = [join(folder, "wide.png"), join(folder, "narrow.png")];
    await writeFile(picture, await encodePng(NDArray.zeros([1, 20, 40], "uint8")));
    await writeFile(mask, await encodePng(NDArray.zeros([1, 20, 20], "uint8")));
    const { code, stderr } = await undiffuse(["sample", run, "--from", picture, "--mask", mask]);
    expect(stderr).toContain("--mask: expected the picture's 40×20 pixels or the model's 16×16, got 20×20");
    expect(code).toBe(2);
  });

  it("goes between two pictures, which stand at the ends", async () => {
    const pictures = ["first.png", "second.png"].map((name) => join(folder, name));
    const out = join(folder, "between-pictures");
    for (const [k, picture] of pictures.entries())
      await writeFile(picture, await encodePng(NDArray.full([1, 16, 16], 60 + 120 * k).cast("uint8")));
    const words = ["--interpolate", pictures.join(","), "--count", "3", "--singles", "--steps", "100"];
    const { code, stderr } = await undiffuse(["sample", run, "--out", out, ...words]);
    expect(code, stderr).toBe(0);
    const [a, , b] = await Promise.all(
      [0, 1, 2].map((k) => decodeImage(join(out, `0000${k}.png`), { size: 16, channels: 1 })),
    );
    const mean = (image: NDArray | undefined) => (image as NDArray).cast("float32").mean().item();
    // The network is hardly trained: the ends are nearer to their own picture than to the other.
    expect(Math.abs(mean(a) - 60)).toBeLessThan(Math.abs(mean(a) - 180));
    expect(Math.abs(mean(b) - 180)).toBeLessThan(Math.abs(mean(b) - 60));
    const { stdout } = await undiffuse(["info", join(out, "grid.png")]);
    expect(stdout).toMatch(/--guidance 1 /);
  });

  it("goes between two seeds, whose images stand at the ends", async () => {
    const out = join(folder, "between");
    const words = ["--interpolate", "3,9", "--count", "5", "--class", "2", "--singles", "--batch", "1"];
    expect((await undiffuse(["sample", run, "--out", out, ...words])).code).toBe(0);
    const ends = await Promise.all(
      [3, 9].map((seed) => single(`end-${seed}`, ["--seed", String(seed), "--class", "2"])),
    );
    for (const [i, file] of ["00000.png", "00004.png"].entries())
      expect(await decodeImage(join(out, file), { size: 16, channels: 1 })).toEqual(ends[i]);
  });

  it.each([
    [["--strength", "0.5"], "--strength: expected a picture, --from, got none"],
    [["--from", "x.png", "--latent", "y"], "--latent: expected no --from beside it"],
    [["--from", "x.png", "--repaint", "3"], "--repaint: expected a --mask, got none"],
    [["--interpolate", "3"], "--interpolate: expected two seeds or two pictures"],
    [["--sampler-options", "order"], "--sampler-options: expected key=value with commas"],
    [["--strength", "1.5", "--from", "x.png"], "above 0 and at most 1"],
    [["--negative", "ten"], "--negative: expected one of 0, 1"],
    [["--interval", "2,1"], '--interval: expected two numbers that rise from 0 or more, a,b, got "2,1"'],
    [["--interval", "abc"], "--interval: expected two numbers"],
    [["--rescale", "2"], "sampling: expected options that it has, got sampling.rescale"],
    [["--eta", "2"], "sampling.sampler.eta"],
    [["--sampler", "heun", "--eta", "1"], 'Unrecognized key: "eta"'],
    [["--spacing", "sideways"], "sampling.sampler.spacing"],
    [["--sigmas", "3,x"], "sampling.sampler.sigmas"],
    [["--interpolate", "1,2", "--mask", "m.png"], "--mask: expected a picture, --from"],
    [["--interpolate", "1,2", "--strength", "0.5"], "--strength: expected a picture, --from"],
    [["--interpolate", "1,2", "--from", "x.png"], "--interpolate: expected no --from beside it"],
  ])("refuses %j", async (words, message) => {
    const { code, stderr } = await undiffuse(["sample", run, ...words]);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });

  it.each([
    [["--latent", "nowhere.safetensors"], "nowhere.safetensors: expected what undiffuse invert wrote"],
    [["--sampler", "euler", "--sigmas", "1,3"], "sigmas: expected numbers that fall, got 3 after 1"],
    [["--sampler", "euler", "--sigmas", "3,1", "--steps", "5"], "steps: expected 2, the length of the list"],
    [["--spacing", "100,3"], "timestep: expected from 0 to 99, or -1 for the clean level, got 100"],
  ])("fails with %j", async (words, message) => {
    const { code, stderr } = await undiffuse(["sample", run, ...words]);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("    at ");
    expect(code).toBe(1);
  });

  it("does not steer a model without classes", async () => {
    const plain = join(folder, "plain");
    const recipe = JSON.parse(await readFile(join(run, "recipe.json"), "utf8"));
    const file = join(folder, "plain.json");
    const config = { ...recipe.config, conditioning: { kind: "none" } };
    await writeFile(
      file,
      JSON.stringify({ ...recipe, config, sampling: { sampler: { kind: "ddim", steps: 3 } } }),
    );
    expect((await undiffuse(["train", file, "--out", plain])).code).toBe(0);
    for (const [words, message, exit] of [
      [["--guidance", "3"], "guidance: expected a model with classes, got a scale of 3 for one without", 1],
      [["--class", "3"], '--class: expected a model with classes, got "3"', 2],
      [["--negative", "3"], '--negative: expected a model with classes, got "3"', 2],
    ] as const) {
      const { code, stderr } = await undiffuse(["sample", plain, "--count", "1", ...words]);
      expect(stderr).toContain(message);
      expect(code).toBe(exit);
    }
  });

  it("puts what the last of several stages makes into the run's folder, and what another makes into its own", async () => {
    const two = join(folder, "two");
    const file = join(folder, "two.json");
    const recipe = {
      name: "two",
      system: "rectified-flow",
      data: { kind: "density", name: "two_moons", count: 64 },
      config: { network: { kind: "mlp", width: 8 }, reflow: { steps: 2 } },
      training: { steps: 2, batch: 8, heldOut: 0.1 },
      sampling: { sampler: { kind: "euler", steps: 2, clip: null } },
    };
    await writeFile(file, JSON.stringify(recipe));
    expect((await undiffuse(["train", file, "--out", two])).code).toBe(0);
    for (const model of [two, join(two, "flow")]) {
      const { code, stdout } = await undiffuse(["sample", model, "--count", "2"]);
      expect(code).toBe(0);
      expect(stdout.trim()).toBe(join(model, "samples", "grid.png"));
    }
  });

  it("refuses what the sampler cannot do", async () => {
    const { code, stderr } = await undiffuse(["sample", run, "--sampler", "heun", "--steps", "101"]);
    expect(stderr).toContain("steps: expected an integer from 1 to 100");
    expect(code).toBe(1);
  });
});

import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { decodeImage } from "../../src/formats/index.ts";
import { fixtureOf, fixtures, folderOf, type PipelineFixture } from "../pipelines/folder.ts";
import { signalWhen, temporaryFolder, undiffuse } from "./program.ts";

let root: string;
let model: string;
let fixture: PipelineFixture;
let first: PipelineFixture["cases"][number];
beforeAll(async () => {
  root = await temporaryFolder();
  fixture = await fixtureOf("text-to-image");
  first = fixture.cases[0] as PipelineFixture["cases"][number];
  model = await folderOf(root, fixture, first.scheduler);
});
const prompt = () => fixture.request.prompt as string;
const said = () => ["--model", model, "--negative", fixture.request.negative as string, "--guidance", "5"];

describe("undiffuse generate", () => {
  it("writes the pictures of a prompt, which are Python's for the seed, with their command", async () => {
    const out = join(root, "out");
    const words = [
      "--seed",
      String(first.seed),
      "--steps",
      String(fixture.steps),
      "--size",
      "48x64",
      "-o",
      out,
    ];
    const { code, stdout } = await undiffuse(["generate", prompt(), ...said(), ...words, "--preview", "2"]);
    expect(code).toBe(0);
    const file = `${String(first.seed).padStart(5, "0")}.png`;
    expect((await readdir(out)).sort()).toEqual([file, "preview.png"].sort());
    expect(stdout).toContain(join(out, file));
    const size = { size: [64, 48], channels: 3 } as const;
    const made = await decodeImage(join(out, file), size);
    const wanted = await decodeImage(join(fixtures, first.picture), size);
    expect(
      Math.max(...[...made.data].map((value, i) => Math.abs(value - (wanted.data[i] as number)))),
    ).toBeLessThanOrEqual(2);
    const about = await undiffuse(["info", join(out, file)]);
    expect(about.stdout).toContain(`undiffuse generate '${prompt()}' --model`);
    expect(about.stdout).toContain(`--seed ${first.seed}`);
  });

  it("makes several, each of a seed of its own, with another scheduler", async () => {
    const out = join(root, "several");
    const words = ["--count", "2", "--steps", "2", "--size", "32x32", "--sampler", "EulerDiscreteScheduler"];
    const { code } = await undiffuse(["generate", "a fox", "--model", model, ...words, "-o", out]);
    expect(code).toBe(0);
    expect((await readdir(out)).sort()).toEqual(["00000.png", "00001.png"]);
  });

  it("keeps what a mask does not free, bit for bit", async () => {
    const out = join(root, "inpainted");
    const [picture, mask] = ["picture.png", "mask.png"].map((name) => join(fixtures, name));
    const words = ["--from", picture as string, "--mask", mask as string, "--steps", "3", "-o", out];
    expect((await undiffuse(["generate", "a fox", "--model", model, ...words])).code).toBe(0);
    const size = { size: 64, channels: 3 } as const;
    const [made, source] = [
      await decodeImage(join(out, "00000.png"), size),
      await decodeImage(picture as string, size),
    ];
    const free = await decodeImage(mask as string, { size: 64, channels: 1 });
    const kept = [...made.data].filter((_, i) => free.data[i % free.size] === 0);
    expect(kept).toEqual([...source.data].filter((_, i) => free.data[i % free.size] === 0));
    expect([...made.data]).not.toEqual([...source.data]);
  });

  it("says what a dry run would load and take, and loads nothing", async () => {
    const { code, stdout } = await undiffuse(["generate", "a fox", "--model", model, "--dry-run"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/unet.*UNet2DConditionModel/);
    expect(stdout).toMatch(/memory: about [\d.]+ GB/);
    expect(stdout).toMatch(/time: about .* for 50 steps at 64×64 pixels/);
  });

  it("says what of a prompt the text encoder does not see", async () => {
    const words = ["--model", model, "--steps", "1", "--size", "8x8", "-o", join(root, "long")];
    const { stderr } = await undiffuse(["generate", `${"fox ".repeat(100)}moon`, ...words]);
    expect(stderr).toMatch(/does not see: .*moon/);
  });

  it("stops at Ctrl-C, and leaves no half picture", async () => {
    const out = join(root, "stopped");
    const words = ["--model", model, "--steps", "400", "--size", "128x128", "-o", out];
    const { code } = await undiffuse(["generate", "a fox", ...words], signalWhen(/picture 1\/400/, "SIGINT"));
    expect(code).toBe(130);
    expect(await readdir(out)).toEqual([]);
  });

  it.each([
    [["a fox"], /--model: expected a folder, a name of the hub or a file, got none/],
    [["a fox", "--model", "MODEL", "--size", "50"], /--size: expected width×height/],
    [["a fox", "--model", "MODEL", "--size", "50x64"], /width: expected a multiple of 8 pixels, got 50/],
    [["a fox", "--model", "MODEL", "--mask", "x.png"], /--mask: expected a picture, --from, got none/],
    [["a fox", "--model", "MODEL", "--sampler", "warp"], /--sampler: expected one of .*euler.*got "warp"/],
    [["a fox", "--model", "MODEL", "--lora", "x.safetensors:much"], /--lora: expected file:scale, a number/],
    [
      ["a fox", "--model", "MODEL", "--embedding", "none.safetensors"],
      /none\.safetensors: expected a textual inversion/,
    ],
    [["--model", "MODEL"], /expected a prompt, got none/],
  ])("refuses %j with what it wants", async (words, wanted) => {
    const { code, stderr } = await undiffuse([
      "generate",
      ...words.map((word) => (word === "MODEL" ? model : word)),
    ]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(wanted);
    expect(stderr).not.toMatch(/\n {4}at /);
  });

  it("refuses a folder of pickles with the way out", async () => {
    const folder = await folderOf(root, fixture, first.scheduler);
    const unet = join(folder, "unet");
    await writeFile(join(unet, "diffusion_pytorch_model.bin"), "pickle");
    await rm(join(unet, "diffusion_pytorch_model.safetensors"));
    const { stderr } = await undiffuse(["generate", "a fox", "--model", folder]);
    expect(stderr).toMatch(/pickles.*\n?.*save_pretrained/);
  });
});

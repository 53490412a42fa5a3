import { readFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { temporaryFolder } from "../program.ts";
import { explain, madeBy } from "./draw.ts";

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});

/** Every picture, small enough to be drawn in a moment. */
const pictures: readonly (readonly [name: string, ...words: string[]])[] = [
  ["schedule", "--schedules", "linear", "--zero-snr"],
  ["schedule", "--process", "vp,edm"],
  ["forward", "--schedules", "linear", "--columns", "2"],
  ["reverse", "--points", "20", "--steps", "3", "--panels", "2"],
  ["elbo", "--points", "5", "--timesteps", "10"],
  ["samplers", "--points", "20", "--samplers", "ddim,ancestral", "--evaluations", "3", "--budgets", "2,4"],
  ["guidance", "--points", "10", "--steps", "3", "--guidance", "1,3"],
  ["interpolation", "--points", "10", "--steps", "3", "--density", "three_clouds", "--dimensions", "16"],
];

describe.each(pictures)("undiffuse explain %s %s", (name, ...words) => {
  const key = `${name}-${words.length}-${words[0]}`;

  it("writes a whole SVG that says which command makes it, and that command makes the same bytes", async () => {
    const out = join(folder, `${key}.svg`);
    const { code, stdout, stderr } = await explain([name, ...words, "--out", out]);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout.split("\n")[0]).toBe(out);
    await expect(sharp(out).metadata()).resolves.toMatchObject({ format: "svg" });
    const first = await readFile(out, "utf8");
    expect(first).toMatch(/<title>[^<]+<\/title>\s*<metadata>/);
    expect(first).not.toMatch(/NaN|undefined/);

    const { version, command } = await madeBy(out);
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    const [program, group, ...again] = command.split(" ");
    expect([program, group]).toEqual(["undiffuse", "explain"]);
    const other = await temporaryFolder();
    again[again.indexOf("--out") + 1] = join(other, `${key}.svg`);
    expect((await explain(again)).code).toBe(0);
    expect(await readFile(join(other, `${key}.svg`), "utf8")).toBe(first);
  });

  it("writes a PNG with the command as text", async () => {
    const out = join(folder, `${key}.PNG`);
    expect((await explain([name, ...words, "--out", out])).code).toBe(0);
    const { format, width } = await sharp(out).metadata();
    expect(format).toBe("png");
    expect(width).toBeGreaterThan(500);
    const text = (await readFile(out)).toString("latin1");
    expect(text).toMatch(/Software.*undiffuse \d/s);
    expect(text).toContain(`undiffuse explain ${name} `);
  });
});

describe("what a picture says of itself", () => {
  it("keeps words that a shell or XML would take apart", async () => {
    const out = join(folder, "odd.svg");
    const words = ["schedule", "--schedules", "linear, squaredcos_cap_v2", "--out", out];
    expect((await explain(words)).code).toBe(0);
    expect((await madeBy(out)).command).toBe(
      "undiffuse explain schedule --schedules 'linear, squaredcos_cap_v2' --out odd.svg",
    );
  });
});

it("says nothing of options that mean nothing beside the others", async () => {
  const out = join(folder, "points.svg");
  await explain(["reverse", "--points", "20", "--steps", "3", "--panels", "2", "--out", out]);
  expect((await madeBy(out)).command).toBe(
    "undiffuse explain reverse --density two_moons --steps 3 --panels 2 --points 20 --seed 0 --out points.svg",
  );
});

const seeded = pictures.filter(([name]) => name !== "schedule" && name !== "elbo");
it.each(seeded)("draws another %s with another seed", async (name, ...words) => {
  const [a, b] = [join(folder, `${name}-a.svg`), join(folder, `${name}-b.svg`)];
  await explain([name, ...words, "--seed", "1", "--out", a]);
  await explain([name, ...words, "--seed", "2", "--out", b]);
  const [first, second] = await Promise.all(
    [a, b].map(async (path) => (await readFile(path, "utf8")).replace(/<metadata>.*<\/metadata>/, "")),
  );
  expect(first).not.toBe(second);
});

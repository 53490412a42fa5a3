import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { compare, type Request } from "../../../src/cli/bench/compare.ts";
import { type Contender, contenders as trilemma } from "../../../src/cli/bench/contenders.ts";
import type { Results } from "../../../src/cli/bench/results.ts";
import { temporaryFolder, undiffuse } from "../program.ts";
import { trainShades } from "../shades.ts";

const tiny = (steps: number): Contender => ({
  name: `tiny ${steps}`,
  family: "tiny",
  recipe: "tiny",
  sampling: { sampler: "ddim", steps, guidance: 1 },
  evaluations: steps,
});
const contenders = [tiny(2), tiny(3)];

let folder: string;
let request: Request;
const resultsOf = async (out = request.out): Promise<Results> =>
  JSON.parse(await readFile(join(out, "trilemma.json"), "utf8"));

/** What it says on standard error meanwhile. */
const said = async (work: () => Promise<void>): Promise<string> => {
  const spy = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  try {
    await work();
    return spy.mock.calls.map(([text]) => text).join("");
  } finally {
    spy.mockRestore();
  }
};

beforeAll(async () => {
  folder = await temporaryFolder();
  const [runs, features] = [join(folder, "runs"), join(folder, "net.safetensors")];
  await trainShades(folder, { run: join(runs, "tiny"), features });
  const settings = { count: 12, longCount: undefined, seed: 5, batch: 4, threads: 1, backend: undefined };
  request = { features, runs, out: join(folder, "out"), ...settings, dryRun: false };
  await compare(contenders, request);
});

describe("a comparison of contenders", () => {
  test("has quality, diversity and speed of each, with what they are of", async () => {
    const { settings, rows } = await resultsOf();
    expect(settings).toMatchObject({ count: 12, seed: 5, batch: 4, threads: 1, data: { images: 60 } });
    expect(rows.map(({ name }) => name)).toEqual(["tiny 2", "tiny 3"]);
    for (const [k, row] of rows.entries()) {
      expect(row).toMatchObject({ samples: 12, seeds: "5 to 16", checkpoint: { step: 3 } });
      expect(row.speed).toMatchObject({ evaluations: k + 2, timedBatches: 2, batch: 4 });
      expect(row.speed.imagesPerSecond).toBeGreaterThan(0);
      for (const estimate of [row.frechet, row.kernel, row.recall, row.coverage, row.read])
        expect(estimate?.interval).toHaveLength(2);
    }
  });

  test("writes a table and a picture that name them all", async () => {
    for (const name of ["trilemma.md", "trilemma.svg"]) {
      const text = await readFile(join(request.out, name), "utf8");
      for (const { name } of contenders) expect(text).toContain(name);
    }
  });

  test("agrees with undiffuse evaluate", async () => {
    const words = ["evaluate", join(request.runs, "tiny"), "--features", request.features as string];
    const how = ["--sampler", "ddim", "--steps", "3", "--guidance", "1", "--count", "12", "--batch", "4"];
    const out = join(folder, "evaluated");
    await undiffuse([...words, ...how, "--seed", "5", "--threads", "1", "--out", out]);
    const { figures } = JSON.parse(await readFile(join(out, "evaluation.json"), "utf8"));
    const [, row] = (await resultsOf()).rows;
    expect(row?.frechet.value).toBeCloseTo(figures[0].value, 6);
    expect(row?.kernel.value).toBeCloseTo(figures[1].value, 6);
  });

  test("goes on where it was cut off, and measures nothing twice", async () => {
    const whole = await resultsOf();
    const path = join(request.out, "trilemma.json");
    await writeFile(path, JSON.stringify({ ...whole, rows: whole.rows.slice(0, 1) }));
    expect(await said(() => compare(contenders, request))).toContain("1 of 2 are measured already");
    const { rows } = await resultsOf();
    expect(rows[0]).toEqual(whole.rows[0]);
    expect({ ...rows[1], speed: 0 }).toEqual({ ...whole.rows[1], speed: 0 });
    await said(() => compare(contenders, request));
    expect((await resultsOf()).rows).toEqual(rows);
  });

  test("measures a contender anew whose run is another now", async () => {
    const whole = await resultsOf();
    const [first, second] = whole.rows as [Results["rows"][0], Results["rows"][0]];
    const older = { ...first, checkpoint: { ...first.checkpoint, sha256: "other" } };
    await writeFile(join(request.out, "trilemma.json"), JSON.stringify({ ...whole, rows: [older, second] }));
    expect(await said(() => compare(contenders, request))).toContain("1 of 2: tiny 2, 12 images");
    const [again, kept] = (await resultsOf()).rows;
    expect(again?.checkpoint).toEqual(first.checkpoint);
    expect(kept).toEqual(second);
  });

  test("refuses to mix settings", async () => {
    await expect(compare(contenders, { ...request, seed: 6 })).rejects.toThrow(
      /expected results with seed 6, got seed 5/,
    );
  });
});

describe("undiffuse bench trilemma", () => {
  let asked: Request;
  beforeAll(async () => {
    const features = join(folder, "digits.safetensors");
    const train = ["classifier", "digits", "--steps", "1", "--batch", "8", "--out", features];
    expect((await undiffuse(train)).code).toBe(0);
    asked = { ...request, features, runs: join(folder, "no runs"), count: 1000, batch: 64 };
  });

  test("--dry-run says who would take part, and how to train what is missing", async () => {
    const words = ["--features", asked.features as string, "--runs", asked.runs, "--dry-run"];
    const { code, stdout } = await undiffuse(["bench", "trilemma", ...words]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/DDPM 1000 +digits +702,753 parameters, 1,000 images of 1,000 evaluations/);
    expect(stdout).toContain("1,166,000 evaluations of one image in all");
    expect(stdout).toContain("digits-gan: missing; train it with: undiffuse train digits-gan --out");
  });

  test("ends as a usage error without a network", async () => {
    const { code, stderr } = await undiffuse(["bench", "trilemma"]);
    expect(code).toBe(2);
    expect(stderr).toContain("--features: expected the file of a network to compare by, got none");
  });

  test("names every run that is missing, with the command that trains it", async () => {
    const message = await compare(trilemma, asked).catch((error: Error) => error.message);
    for (const name of ["digits", "digits-gan", "digits-vae", "digits-ddgan"])
      expect(message).toContain(`undiffuse train ${name} --out`);
  });

  test("refuses a network that tells apart other classes", async () => {
    await expect(compare(trilemma, { ...asked, features: request.features })).rejects.toThrow(
      "expected a network that tells apart the classes of digits, 0, 1",
    );
  });

  test.each([
    [
      { count: 100 },
      "--count: expected at least 128, two batches of 64, of which the second is timed, got 100",
    ],
    [{ longCount: 50 }, "--long-count: expected at least 128"],
  ])("refuses too few images: %j", async (changes, message) => {
    await expect(compare(trilemma, { ...asked, ...changes })).rejects.toThrow(message);
  });
});

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { resultsPicture } from "../../../src/cli/bench/picture.ts";
import { openResults, type Results, type Row, saveResults } from "../../../src/cli/bench/results.ts";
import { resultsPage } from "../../../src/cli/bench/table.ts";
import { temporaryFolder } from "../program.ts";

const settings: Results["settings"] = {
  ...{ version: "1", count: 2000, longCount: 1000, seed: 0, batch: 64, threads: 2, engine: "onnxruntime" },
  machine: "a machine",
  data: { name: "digits", images: 5000, fingerprint: "d".repeat(64) },
  network: { name: "reader", fingerprint: "e".repeat(64), width: 64, preprocessing: "none" },
};
const about = (value: number) => ({ value, interval: [value - 0.1, value + 0.1] as [number, number] });
const row = (name: string, changes: Partial<Row> = {}): Row => ({
  ...{ name, family: name, recipe: "digits", choice: {}, sampling: "{}", source: "s", seeds: "0 to 9" },
  checkpoint: { path: "p", step: 10, sha256: "f".repeat(64) },
  ...{ parameters: 702_753, samples: 2000 },
  speed: {
    ...{ imagesPerSecond: 1234.5, evaluations: 1, batch: 64, timedBatches: 30 },
    ...{ threads: 2, engine: "onnxruntime" },
  },
  ...{ frechet: about(7), kernel: about(0.3), precision: about(0.9), recall: about(0.5) },
  ...{ density: about(1), coverage: about(0.8), read: about(0.95), notes: [] },
  ...changes,
});
const results: Results = { format: 1, settings, rows: [row("quick"), row("slow", { samples: 1000 })] };

describe("results of a comparison", () => {
  let path: string;
  beforeAll(async () => {
    path = join(await temporaryFolder(), "trilemma.json");
  });

  test("are none before the first", async () => {
    expect(await openResults(path, settings)).toEqual({ format: 1, settings, rows: [] });
  });

  test("are read as they were saved", async () => {
    await saveResults(path, results);
    expect(await openResults(path, settings)).toEqual(results);
  });

  test("of other settings are refused, with what is other, and stay", async () => {
    await expect(openResults(path, { ...settings, seed: 3, count: 500 })).rejects.toThrow(
      /trilemma.json: expected results with count 500, seed 3, got count 2000, seed 0\n {2}hint: .*--out/,
    );
    expect(JSON.parse(await readFile(path, "utf8"))).toEqual(results);
  });

  test.each([
    ["no JSON", "{"],
    ["another file", '{"format":1}'],
  ])("that are damaged are refused: %s", async (_, text) => {
    await writeFile(path, text);
    await expect(openResults(path, settings)).rejects.toThrow(/expected results of a comparison, got .+\n/);
  });

  test("make a table with N and intervals in every row", () => {
    const page = resultsPage(results);
    expect(page).toContain("| quick | 702,753 | 1 | 1235 | 2,000 | 7 (6.9 to 7.1) | 0.3 (0.2 to 0.4) |");
    expect(page).toContain("| slow | 702,753 | 1 | 1235 | 1,000 |");
    for (const fact of ["5,000 images of digits", "Over reader: 64", "a machine, 2 threads"])
      expect(page).toContain(fact);
  });

  test("have a dash where a number is missing", () => {
    const page = resultsPage({ ...results, rows: [row("few", { recall: null, read: null })] });
    expect(page).toMatch(/0\.9 \(0\.8 to 1\) \| – \| .* \| – \|/);
  });

  test("make a picture by Fréchet distance where all are of as many samples", () => {
    const svg = resultsPicture({ ...results, rows: [row("one"), row("two")] });
    expect(svg).toContain("Fréchet distance");
    expect(svg).not.toContain("Rings");
    expect(svg).toContain(">one (0.50)<");
  });

  test("make one by kernel distance where they are not, in which those of fewer are rings", () => {
    const svg = resultsPicture(results);
    expect(svg).toContain("kernel distance");
    expect(svg).toContain("Rings are of fewer samples (1,000)");
    expect(svg.match(/<circle[^>]* fill="#ffffff"/g)).toHaveLength(1);
  });

  test("below 0 are drawn on an even axis", () => {
    const svg = resultsPicture({
      ...results,
      rows: [row("far"), row("near", { samples: 100, kernel: about(-0.01) })],
    });
    expect(svg).not.toMatch(/NaN|Infinity/);
  });
});

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { openFeatureNetwork } from "../../src/evaluation/index.ts";
import { type Outcome, signalWhen, temporaryFolder, undiffuse } from "./program.ts";

describe("undiffuse classifier", () => {
  let folder: string;
  let path: string;
  let outcome: Outcome;
  beforeAll(async () => {
    folder = await temporaryFolder();
    path = join(folder, "new", "net.safetensors");
    outcome = await undiffuse(["classifier", "digits", "--steps", "5", "--batch", "8", "--out", path]);
  });

  test("writes a network that undiffuse evaluate takes, and says how well it reads", async () => {
    expect(outcome).toMatchObject({ code: 0 });
    expect(outcome.stdout).toMatch(
      /net.safetensors\nreads \d+\.\d% of 1000 held-out images as their class\n$/,
    );
    expect(outcome.stderr).toMatch(/training 5\/5 · loss [\d.]+ · left 0 s/);
    const network = await openFeatureNetwork(path);
    expect(network.name).toMatch(/^classifier of digits, [0-9a-f]{8}$/);
    expect(network.classes).toEqual([..."0123456789"]);
    await network.close();
  });

  test("interrupted, writes nothing", async () => {
    const other = join(folder, "other.safetensors");
    const words = ["classifier", "digits", "--steps", "100000", "--batch", "8", "--out", other];
    const ended = await undiffuse(words, signalWhen(/training \d/, "SIGINT"));
    expect(ended.code).toBe(130);
    expect(ended.stderr).toContain("stopping; nothing is written");
    await expect(readFile(other)).rejects.toThrow("ENOENT");
  });

  test("refuses images without classes", async () => {
    const ended = await undiffuse(["classifier", "docs/pictures", "--size", "8", "--out", join(folder, "x")]);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain("expected images of two classes or more, got images without classes");
  });
});

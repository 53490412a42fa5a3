import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { expect, it } from "vitest";
import { profileSteps } from "../../src/train/index.ts";
import { toyJob } from "./toy.ts";

const scratchFolders = async () =>
  (await readdir(tmpdir())).filter((name) => name.startsWith("undiffuse-profile-"));

it("profileSteps tells what a step's operations take, and leaves nothing behind", async () => {
  const before = await scratchFolders();
  const job = await toyJob({ training: { accumulate: 3, batch: 2 } });
  const { steps, operations, between, outside, total } = await profileSteps(job, 25);
  expect(steps).toBe(25);
  // The toy's loss needs one difference from its noise, made once in each of three micro-batches.
  expect(operations.find(({ operation }) => operation === "Sub")?.calls).toBe(3);
  expect(operations.every(({ calls }) => calls % 3 === 0)).toBe(true);
  const times = operations.map(({ ms }) => ms);
  expect(times).toEqual([...times].sort((a, b) => b - a));
  expect(times.reduce((sum, ms) => sum + ms, between + outside)).toBeCloseTo(total, 6);
  expect(outside).toBeGreaterThan(0);
  expect(existsSync(job.folder)).toBe(false);
  expect(await scratchFolders()).toEqual(before);
});

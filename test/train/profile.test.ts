import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { expect, it } from "vitest";
import { host } from "#host";
import { profileSteps } from "../../src/train/index.ts";
import { toyJob } from "./toy.ts";

const scratchFolders = async () =>
  (await readdir(tmpdir())).filter((name) => name.startsWith("undiffuse-profile-"));

/** The one operation that the toy's loss needs for a difference from its noise, by backend. */
const backends = [["onnx", "Sub"], ...(host.nativeEngine() ? [["native", "mul+sub"] as const] : [])] as const;

it.each(backends)(
  "profileSteps tells what a step's operations take on %s, and leaves nothing behind",
  async (backend, difference) => {
    const before = await scratchFolders();
    const job = await toyJob({ backend, training: { accumulate: 3, batch: 2 } });
    const { steps, operations, between, outside, total } = await profileSteps(job, 25);
    expect(steps).toBe(25);
    // Once in each of three micro-batches.
    expect(operations.find(({ operation }) => operation === difference)?.calls).toBe(3);
    expect(operations.every(({ calls }) => calls % 3 === 0)).toBe(true);
    const times = operations.map(({ ms }) => ms);
    expect(times).toEqual([...times].sort((a, b) => b - a));
    expect(times.reduce((sum, ms) => sum + ms, between + outside)).toBeCloseTo(total, 6);
    expect(outside).toBeGreaterThan(0);
    expect(existsSync(job.folder)).toBe(false);
    expect(await scratchFolders()).toEqual(before);
  },
);

import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { readSafetensors, writeSafetensors } from "../../src/formats/index.ts";
import { openTrained } from "../../src/systems/index.ts";
import { temporaryFolder, undiffuse, writeTinyRecipe } from "./program.ts";

describe("undiffuse pack", () => {
  let folder: string;
  let run: string;
  let packed: string;
  beforeAll(async () => {
    folder = await temporaryFolder();
    run = join(folder, "run");
    packed = join(folder, "models", "tiny.safetensors");
    const recipe = await writeTinyRecipe(folder, { steps: 5 });
    expect((await undiffuse(["train", recipe, "--out", run])).code).toBe(0);
    const { code, stdout } = await undiffuse(["pack", run, "--out", packed]);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining(packed) });
  });

  it("writes a file far smaller than a checkpoint, whose images are the run's but for rounding", async () => {
    const whole = (await stat(join(run, "checkpoints", "0000005.safetensors"))).size;
    expect((await stat(packed)).size).toBeLessThan(whole / 3);
    const images = await Promise.all(
      [run, packed].map(async (path) => {
        const model = await openTrained(path);
        let last: Float32Array | undefined;
        for await (const { x } of model.sample({ count: 2, labels: [1, 2] })) last = x.data as Float32Array;
        await model.close();
        return last as Float32Array;
      }),
    );
    const [a, b] = images as [Float32Array, Float32Array];
    const apart = Math.max(...a.map((value, i) => Math.abs(value - (b[i] as number))));
    expect(apart).toBeGreaterThan(0);
    expect(apart).toBeLessThan(0.02);
  });

  it("says of a weight that float16 cannot hold which file would have it, and writes nothing", async () => {
    const path = join(folder, "large.safetensors");
    const { tensors, metadata } = readSafetensors(
      await readFile(join(run, "checkpoints", "0000005.safetensors")),
    );
    const [name, weights] = [...tensors].find(([key]) => key.startsWith("ema.")) ?? [];
    await writeFile(
      path,
      writeSafetensors(new Map([...tensors, [name, weights?.mul(0).add(1e6)]]) as never, metadata),
    );
    const out = join(folder, "none.safetensors");
    const { code, stderr } = await undiffuse(["pack", path, "--out", out]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/none\.safetensors.*1000000, which float16 cannot hold/s);
    await expect(stat(out)).rejects.toThrow();
  });
});

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NDArray } from "../../src/base/index.ts";
import { writeDiffusersFolder, writeSafetensors } from "../../src/formats/index.ts";
import {
  fileSource,
  folderSource,
  importedPipeline,
  openPipeline,
  type PipelineSource,
} from "../../src/pipelines/index.ts";
import { inBothLayouts, tokenizer } from "./single-file.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "import-"));
});
afterAll(() => rm(root, { recursive: true }));

const pictureOf = async (source: PipelineSource): Promise<NDArray> => {
  const pipeline = await openPipeline(source);
  try {
    const request = { prompt: "a red fox", negative: "dark", seed: 3, steps: 2, width: 32, height: 16 };
    const { frames, picture } = await pipeline.generate(request);
    let last: NDArray | undefined;
    for await (const { x } of frames) last = x;
    return await picture(last as NDArray);
  } finally {
    await pipeline.close();
  }
};

describe("a single file", () => {
  it.each(["sd1", "sd2"] as const)(
    "in the form of %s makes the pictures of the folder with its weights bit for bit, as does its import",
    async (version) => {
      const { pipeline, original } = await inBothLayouts(version);
      const [folder, file, imported] = ["folder", "file.safetensors", "imported"].map((name) =>
        join(root, `${version}-${name}`),
      ) as [string, string, string];
      await writeDiffusersFolder(folder, pipeline);
      await writeFile(file, writeSafetensors(original));
      const source = await fileSource(file, { tokenizer });
      const told: { part: string; bytes: number; total: number }[] = [];
      await writeDiffusersFolder(imported, await importedPipeline(source, (progress) => told.push(progress)));
      expect([...new Set(told.map(({ part }) => part))]).toEqual(["unet", "vae", "text_encoder"]);
      expect(told.at(-1)?.bytes).toBe(told.at(-1)?.total);
      expect(told.every(({ bytes }, i) => bytes > (told[i - 1]?.bytes ?? 0))).toBe(true);
      const wanted = await pictureOf(await folderSource(folder));
      expect(new Set(wanted.data).size).toBeGreaterThan(100); // a picture, not one shade
      expect((await pictureOf(source)).data).toEqual(wanted.data);
      expect((await pictureOf(await folderSource(imported))).data).toEqual(wanted.data);
    },
  );
});

describe("importedPipeline", () => {
  it("refuses what would not open before it reads any weights, with all of its faults", async () => {
    const { pipeline, original } = await inBothLayouts("sd1");
    const file = join(root, "file.safetensors");
    await writeFile(file, writeSafetensors(original));
    const read: string[] = [];
    const importing = async (source: PipelineSource) =>
      importedPipeline(source, ({ part }) => {
        read.push(part);
      });
    await expect(importing(await fileSource(file))).rejects.toThrow(
      /a pipeline that opens here, got tokenizer: /,
    );
    const other = join(root, "other");
    await writeDiffusersFolder(other, { ...pipeline, className: "FluxPipeline" });
    await expect(importing(await folderSource(other))).rejects.toThrow(/got FluxPipeline/);
    expect(read).toEqual([]);
  });

  it("ends where it is told to", async () => {
    const { pipeline } = await inBothLayouts("sd2");
    const folder = join(root, "stopped");
    await writeDiffusersFolder(folder, pipeline);
    const stop = new Error("stop");
    const importing = importedPipeline(await folderSource(folder), () => {
      throw stop;
    });
    await expect(importing).rejects.toBe(stop);
  });
});

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
      const parts: string[] = [];
      await writeDiffusersFolder(imported, await importedPipeline(source, (name) => parts.push(name)));
      expect(parts.sort()).toEqual(["scheduler", "text_encoder", "tokenizer", "unet", "vae"]);
      const wanted = await pictureOf(await folderSource(folder));
      expect(new Set(wanted.data).size).toBeGreaterThan(100); // a picture, not one shade
      expect((await pictureOf(source)).data).toEqual(wanted.data);
      expect((await pictureOf(await folderSource(imported))).data).toEqual(wanted.data);
    },
  );
});

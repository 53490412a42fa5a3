import { readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { FileError } from "../base/index.ts";
import { openSafetensors } from "../formats/index.ts";
import type { WeightedLora, WordFile } from "../pipelines/index.ts";
import { UsageError } from "./command.ts";

const listed = (words: string | undefined): string[] =>
  (words ?? "").split(",").filter((word) => word.trim());

const readAll = async (path: string) => {
  const source = await openSafetensors(path);
  try {
    return { tensors: await source.readAll(), metadata: source.metadata };
  } finally {
    await source.close();
  }
};

/** Files of --lora, `file` or `file:scale`. @throws UsageError for a scale that is no number */
export const weightedFiles = (words: string | undefined): Promise<WeightedLora[]> =>
  Promise.all(
    listed(words).map(async (word) => {
      const [, path = word, scale] = /^(.*\.safetensors):(.*)$/.exec(word.trim()) ?? [];
      const share = scale === undefined ? 1 : Number(scale || Number.NaN);
      if (!Number.isFinite(share))
        throw new UsageError({ who: "--lora", expected: "file:scale, a number", got: `"${word}"` });
      return { ...(await readAll(path.trim())), scale: share, name: path.trim() };
    }),
  );

/** Files of --embedding, whose names are the words where they say none. */
export const wordFiles = (words: string | undefined): Promise<WordFile[]> =>
  Promise.all(
    listed(words).map(async (word) => {
      const path = word.trim();
      const bytes = await readFile(path).catch((cause: Error) => {
        throw new FileError(path, { expected: "a textual inversion", got: cause.message }, { cause });
      });
      return { bytes, name: basename(path, extname(path)) };
    }),
  );

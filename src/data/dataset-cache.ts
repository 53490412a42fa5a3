import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { readSafetensors, writeSafetensors, writeWhole } from "../formats/index.ts";
import { type Dataset, makeDataset } from "./dataset.ts";

/** Counts up when what is stored, or how pictures are decoded, changes. */
const VERSION = 1;

/** `undiffuse` in `$XDG_CACHE_HOME`, or in `~/.cache`. */
export const defaultCacheFolder = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "undiffuse");

/** The key of what comes out of these sources (hashes, options, …), all of it JSON. */
export const cacheKey = (...sources: readonly unknown[]): string =>
  sha256(JSON.stringify([VERSION, ...sources]));

/**
 * The data set under this key in the folder, or a fresh one, which is then stored. A file that is damaged
 * in any byte counts as absent. A folder that cannot be written only costs time, and gives a warning.
 */
export const cached = async (folder: string, key: string, make: () => Promise<Dataset>): Promise<Dataset> => {
  const path = join(folder, `${key}.safetensors`);
  const known = await readFile(path).then(decode, () => null);
  if (known) return known;
  const fresh = await make();
  try {
    await mkdir(folder, { recursive: true });
    await writeWhole(path, encode(fresh));
  } catch (error) {
    process.emitWarning(`the decoded images are not cached: ${(error as Error).message}`, "CacheWarning");
  }
  return fresh;
};

export const sha256 = (content: string | Uint8Array): string =>
  createHash("sha256").update(content).digest("hex");

const aboutSchema = z.strictObject({
  name: z.string(),
  classes: z.array(z.string()).nullable(),
  skipped: z.array(z.strictObject({ path: z.string(), reason: z.string() })),
  notice: z.string().exactOptional(),
  fingerprint: z.string(),
});

const encode = ({ images, labels, ...about }: Dataset): Uint8Array => {
  const text = JSON.stringify(about);
  const tensors = new Map([["images", images], ...(labels ? [["labels", labels] as const] : [])]);
  return writeSafetensors(tensors, { dataset: text, checksum: sha256(text) });
};

/** Null for anything that is not exactly what was stored. */
const decode = (bytes: Uint8Array): Dataset | null => {
  try {
    const { tensors, metadata } = readSafetensors(bytes);
    const { dataset = "", checksum } = metadata;
    const images = tensors.get("images");
    if (!images || sha256(dataset) !== checksum) return null;
    const about = aboutSchema.parse(JSON.parse(dataset));
    const read = makeDataset({ ...about, images, labels: tensors.get("labels") ?? null });
    return read.fingerprint === about.fingerprint ? read : null;
  } catch {
    return null;
  }
};

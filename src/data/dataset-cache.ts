import { createHash } from "node:crypto";
import { mkdir, readFile, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { readSafetensors, writeSafetensors, writeWhole } from "../formats/index.ts";
import { type Dataset, makeDataset } from "./dataset.ts";
import { formNames } from "./form.ts";

/** Counts up when what is stored, or how pictures are decoded, changes. */
const VERSION = 1;

/** `undiffuse` in `$XDG_CACHE_HOME`, or in `~/.cache`. */
export const defaultCacheFolder = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "undiffuse");

/** The key of what comes out of these sources (hashes, options, …), all of it JSON. */
export const cacheKey = (...sources: readonly unknown[]): string =>
  sha256(JSON.stringify([VERSION, ...sources]));

/** A part of a data set by its key: as it was stored before, or made and then stored. */
export type CachePart = (key: string, make: () => Promise<Dataset>) => Promise<Dataset>;

/**
 * The data set under this key in the folder, or a fresh one, which is then stored. What is made in parts is
 * stored part by part, so that a crash loses one part at most; they go when the whole is stored. A file that
 * is damaged in any byte counts as absent. A folder that cannot be written only costs time, and gives a warning.
 */
export const cached = async (
  folder: string,
  key: string,
  make: (part: CachePart) => Promise<Dataset>,
): Promise<Dataset> => {
  const known = await recall(folder, key);
  if (known) return known;
  const parts: string[] = [];
  const fresh = await make(async (partKey, makePart) => {
    parts.push(partKey);
    const stored = await recall(folder, partKey);
    if (stored) return stored;
    const part = await makePart();
    await store(folder, partKey, part).catch(() => undefined); // the whole will meet the same fault and say so
    return part;
  });
  try {
    await store(folder, key, fresh);
    for (const partKey of parts) await rm(pathOf(folder, partKey), { force: true });
  } catch (error) {
    process.emitWarning(`the decoded images are not cached: ${(error as Error).message}`, "CacheWarning");
  }
  return fresh;
};

const pathOf = (folder: string, key: string): string => join(folder, `${key}.safetensors`);

const recall = (folder: string, key: string): Promise<Dataset | null> =>
  readFile(pathOf(folder, key)).then(decode, () => null);

const store = async (folder: string, key: string, dataset: Dataset): Promise<void> => {
  await mkdir(folder, { recursive: true });
  await writeWhole(pathOf(folder, key), encode(dataset));
};

export const sha256 = (content: string | Uint8Array): string =>
  createHash("sha256").update(content).digest("hex");

const aboutSchema = z.strictObject({
  name: z.string(),
  form: z.enum(formNames).default("pictures"),
  classes: z.array(z.string()).nullable(),
  captions: z.array(z.string()).exactOptional(),
  skipped: z.array(z.strictObject({ path: z.string(), reason: z.string() })),
  notice: z.string().exactOptional(),
  fingerprint: z.string(),
});

const encode = ({ images, labels, uncropped, ...about }: Dataset): Uint8Array => {
  const text = JSON.stringify(about);
  const tensors = new Map([["images", images]]);
  if (labels) tensors.set("labels", labels);
  if (uncropped) tensors.set("uncropped", uncropped);
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
    const uncropped = tensors.get("uncropped");
    const labels = tensors.get("labels") ?? null;
    const read = makeDataset({ ...about, images, labels, ...(uncropped && { uncropped }) });
    return read.fingerprint === about.fingerprint ? read : null;
  } catch {
    return null;
  }
};

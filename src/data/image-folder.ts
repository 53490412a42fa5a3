import { open } from "node:fs/promises";
import { basename, extname, join, resolve } from "node:path";
import { FileError } from "../base/index.ts";
import { type DecodeOptions, pictureFormat, pictureFormats } from "../formats/index.ts";
import { forEachConcurrently } from "./concurrency.ts";
import { cropCentres } from "./crop.ts";
import { type Dataset, labelsOf, makeDataset, type Skipped } from "./dataset.ts";
import { cached, cacheKey, defaultCacheFolder, sha256 } from "./dataset-cache.ts";
import { ChangedError, CONCURRENCY, decodePictures, type FoundPicture } from "./decoded-pictures.ts";
import { listFiles, reasonOf } from "./folder-files.ts";

/** What opening any data set can take. */
export interface OpenOptions {
  /** Called after each picture that was decoded or found damaged, and those the cache has; not when it has all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Where decoded images are kept; by default the user's cache folder. */
  readonly cacheFolder?: string | undefined;
}

export interface ImageFolderOptions extends DecodeOptions, OpenOptions {
  /** `folders`: the first folder on the way to a picture is its class. */
  readonly classes?: "folders" | "none";
  /** Pixels by which pictures are decoded larger than `size`, to be seen in random windows in training. */
  readonly margin?: number | undefined;
}

/** How often a folder is listed when it changes while its pictures are decoded. */
const ATTEMPTS = 3;
/** The fraction of damaged pictures above which something is wrong with the whole folder. */
const MOST_DAMAGED = 0.5;

/**
 * All pictures of a folder and its folders in a known format, recognised by content, in the order of their
 * paths, each made one image as {@link decodeImage} does. What cannot be used is listed in `skipped`.
 * Decoded once: the result is cached under the content of all pictures and the options, on the way in parts.
 * @throws FileError that says what was found when nothing is usable
 */
export const openImageFolder = async (folder: string, options: ImageFolderOptions): Promise<Dataset> => {
  for (let attempt = 1; ; attempt++)
    try {
      return await openOnce(folder, options);
    } catch (error) {
      if (!(error instanceof ChangedError) || attempt === ATTEMPTS) throw error;
    }
};

const openOnce = async (folder: string, options: ImageFolderOptions): Promise<Dataset> => {
  const { classes = "none", margin = 0, onProgress, cacheFolder = defaultCacheFolder(), ...asked } = options;
  const decoding = { ...asked, size: enlarged(asked.size, margin) };
  const name = basename(resolve(folder));
  const found = await findPictures(folder, classes === "folders");
  const key = cacheKey("folder", name, classes, decoding, found, ...(margin ? [margin] : []));
  return cached(cacheFolder, key, async (part) => {
    const { images, skipped } = await decodePictures(found.pictures, { folder, decoding, part, onProgress });
    const all = [...found.skipped, ...skipped].sort((a, b) => (a.path < b.path ? -1 : 1));
    if (!images) throw nothingUsable(folder, all);
    if (skipped.length > MOST_DAMAGED * found.pictures.length)
      throw damaged(folder, found.pictures.length, skipped);
    const lost = new Set(skipped.map(({ path }) => path));
    const paths = found.pictures.map(({ path }) => path).filter((path) => !lost.has(path));
    return makeDataset({
      name,
      ...(margin ? { images: cropCentres(images, margin), uncropped: images } : { images }),
      ...(classes === "folders" ? classesOf(paths) : { labels: null, classes: null }),
      skipped: all,
    });
  });
};

const enlarged = (size: DecodeOptions["size"], margin: number): DecodeOptions["size"] =>
  typeof size === "number" ? size + margin : [size[0] + margin, size[1] + margin];

const findPictures = async (
  folder: string,
  inClasses: boolean,
): Promise<{ pictures: FoundPicture[]; skipped: Skipped[] }> => {
  const { files, skipped } = await listFiles(folder);
  const found = new Array<FoundPicture | Skipped>(files.length);
  await forEachConcurrently(files, CONCURRENCY, async (path, i) => {
    found[i] =
      inClasses && !path.includes("/")
        ? { path, reason: "in no class folder" }
        : await inspect(join(folder, path)).then(
            (hash) => (hash ? { path, hash } : { path, reason: `not ${pictureFormats.join(", ")}` }),
            (error) => ({ path, reason: reasonOf(error) }),
          );
  });
  return {
    pictures: found.filter((entry) => "hash" in entry),
    skipped: [...skipped, ...found.filter((entry) => "reason" in entry)],
  };
};

/** The hash of a picture's content; null for other files, of which only the first bytes are read. */
const inspect = async (path: string): Promise<string | null> => {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(new Uint8Array(12), 0, 12, 0);
    return pictureFormat(buffer.subarray(0, bytesRead)) && sha256(await file.readFile());
  } finally {
    await file.close();
  }
};

const classesOf = (paths: readonly string[]): Pick<Dataset, "labels" | "classes"> => {
  const names = paths.map((path) => path.slice(0, path.indexOf("/")));
  const classes = [...new Set(names)].sort();
  return { classes, labels: labelsOf(names, classes) };
};

const damaged = (folder: string, count: number, skipped: readonly Skipped[]): FileError =>
  new FileError(folder, {
    expected: "pictures of which at least half can be decoded",
    got: `${skipped.length} of ${count} that cannot${examplesOf(skipped)}`,
    hint: "was a copy or a download cut short? Remove what is damaged to train on the rest",
  });

const examplesOf = (skipped: readonly Skipped[]): string =>
  skipped
    .slice(0, 3)
    .map(({ path, reason }) => `\n  ${path}: ${reason}`)
    .join("");

const nothingUsable = (folder: string, skipped: readonly Skipped[]): FileError => {
  const counts = new Map<string, number>();
  for (const { path } of skipped) {
    const extension = extname(path).toLowerCase() || "without extension";
    counts.set(extension, (counts.get(extension) ?? 0) + 1);
  }
  const common = [...counts].sort(([, a], [, b]) => b - a).slice(0, 5);
  return new FileError(folder, {
    expected: `a ${pictureFormats.join(", ")} that can be decoded`,
    got: skipped.length
      ? `none in ${skipped.length} ${skipped.length === 1 ? "file" : "files"} (${common
          .map(([extension, count]) => `${count} ${extension}`)
          .join(", ")})${examplesOf(skipped)}`
      : "an empty folder",
  });
};

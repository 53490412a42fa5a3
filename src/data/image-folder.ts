import { open } from "node:fs/promises";
import { basename, extname, join, resolve } from "node:path";
import { FileError, NDArray } from "../base/index.ts";
import { type DecodeOptions, decodeImage, pictureFormat, pictureFormats } from "../formats/index.ts";
import { forEachConcurrently } from "./concurrency.ts";
import { type Dataset, labelsOf, makeDataset, type Skipped } from "./dataset.ts";
import { cached, cacheKey, defaultCacheFolder, sha256 } from "./dataset-cache.ts";
import { listFiles, reasonOf } from "./folder-files.ts";

/** What opening any data set can take. */
export interface OpenOptions {
  /** Called after each picture that was decoded or found damaged; not when the cache has them all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Where decoded images are kept; by default the user's cache folder. */
  readonly cacheFolder?: string | undefined;
}

export interface ImageFolderOptions extends DecodeOptions, OpenOptions {
  /** `folders`: the first folder on the way to a picture is its class. */
  readonly classes?: "folders" | "none";
}

/** Files in memory at once. */
const CONCURRENCY = 8;

/**
 * All PNG, JPEG, WebP, GIF and TIFF pictures of a folder and its folders, recognised by content, in the order of
 * their paths, each made one image as {@link decodeImage} does. What cannot be used is listed in `skipped`.
 * Decoded once: the result is cached under the content of all pictures and the options.
 * @throws FileError that says what was found when nothing is usable
 */
export const openImageFolder = async (folder: string, options: ImageFolderOptions): Promise<Dataset> => {
  const { classes = "none", onProgress, cacheFolder = defaultCacheFolder(), ...decoding } = options;
  const name = basename(resolve(folder));
  const found = await findPictures(folder, classes === "folders");
  const key = cacheKey("folder", name, classes, decoding, found);
  return cached(cacheFolder, key, async () => {
    const decoded = await decodePictures(folder, found.pictures, decoding, onProgress);
    const skipped = [...found.skipped, ...decoded.skipped].sort((a, b) => (a.path < b.path ? -1 : 1));
    if (!decoded.images) throw nothingUsable(folder, skipped);
    return makeDataset({
      name,
      images: decoded.images,
      ...(classes === "folders" ? classesOf(decoded.paths) : { labels: null, classes: null }),
      skipped,
    });
  });
};

interface FoundPicture {
  readonly path: string;
  readonly hash: string;
}

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

interface Decoded {
  /** uint8 [n, c, h, w]; null when n is 0. */
  readonly images: NDArray | null;
  readonly paths: readonly string[];
  readonly skipped: readonly Skipped[];
}

const decodePictures = async (
  folder: string,
  pictures: readonly FoundPicture[],
  decoding: DecodeOptions,
  onProgress: OpenOptions["onProgress"],
): Promise<Decoded> => {
  const reasons = new Map<number, string>();
  let images: NDArray | null = null;
  let done = 0;
  await forEachConcurrently(pictures, CONCURRENCY, async ({ path }, i) => {
    try {
      const image = await decodeImage(join(folder, path), decoding);
      images ??= NDArray.zeros([pictures.length, ...image.shape], "uint8");
      images.data.set(image.data, i * image.size);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      reasons.set(i, `expected ${error.expected}, got ${error.got}`);
    }
    onProgress?.(++done, pictures.length);
  });
  const kept = [...pictures.keys()].filter((i) => !reasons.has(i));
  return {
    images: images && closeRanks(images, kept),
    paths: kept.map((i) => pictures[i]?.path ?? ""),
    skipped: [...reasons].map(([i, reason]) => ({ path: pictures[i]?.path ?? "", reason })),
  };
};

/** The kept rows (ascending) moved to the front, in place. */
const closeRanks = (images: NDArray, kept: readonly number[]): NDArray => {
  const size = images.size / (images.shape[0] as number);
  kept.forEach((from, to) => {
    images.data.copyWithin(to * size, from * size, (from + 1) * size);
  });
  return images.rows(0, kept.length);
};

const classesOf = (paths: readonly string[]): Pick<Dataset, "labels" | "classes"> => {
  const names = paths.map((path) => path.slice(0, path.indexOf("/")));
  const classes = [...new Set(names)].sort();
  return { classes, labels: labelsOf(names, classes) };
};

const nothingUsable = (folder: string, skipped: readonly Skipped[]): FileError => {
  const counts = new Map<string, number>();
  for (const { path } of skipped) {
    const extension = extname(path).toLowerCase() || "without extension";
    counts.set(extension, (counts.get(extension) ?? 0) + 1);
  }
  const common = [...counts].sort(([, a], [, b]) => b - a).slice(0, 5);
  const examples = skipped.slice(0, 3).map(({ path, reason }) => `\n  ${path}: ${reason}`);
  return new FileError(folder, {
    expected: `a ${pictureFormats.join(", ")} that can be decoded`,
    got: skipped.length
      ? `none in ${skipped.length} ${skipped.length === 1 ? "file" : "files"} (${common
          .map(([extension, count]) => `${count} ${extension}`)
          .join(", ")})${examples.join("")}`
      : "an empty folder",
  });
};

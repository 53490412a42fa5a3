import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FileError, NDArray } from "../base/index.ts";
import { type DecodeOptions, decodeImage } from "../formats/index.ts";
import { forEachConcurrently } from "./concurrency.ts";
import { type Dataset, makeDataset, type Skipped } from "./dataset.ts";
import { type CachePart, cacheKey, sha256 } from "./dataset-cache.ts";
import { reasonOf } from "./folder-files.ts";

/** A picture of a folder, as it was when the folder was listed. */
export interface FoundPicture {
  /** Relative to the folder. */
  readonly path: string;
  /** Of its content. */
  readonly hash: string;
}

/** A picture is no longer what it was when the folder was listed. */
export class ChangedError extends FileError {}

/** Files in memory at once. */
export const CONCURRENCY = 8;
/** Pictures stored together: so many are decoded again after a crash, at most. */
const PART = 256;

interface Decoding {
  readonly folder: string;
  readonly decoding: DecodeOptions;
  readonly part: CachePart;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

interface Decoded {
  /** uint8 [n, c, h, w]; null when n is 0. */
  readonly images: NDArray | null;
  readonly skipped: readonly Skipped[];
}

/**
 * The pictures that can be decoded, in their order, in parts under the content of their pictures: those that
 * were stored before a crash are not decoded again.
 * @throws ChangedError for a picture that vanished or changed meanwhile
 */
export const decodePictures = async (
  pictures: readonly FoundPicture[],
  { folder, decoding, part, onProgress }: Decoding,
): Promise<Decoded> => {
  const skipped: Skipped[] = [];
  let images: NDArray | null = null;
  let count = 0;
  for (let start = 0; start < pictures.length; start += PART) {
    const chunk = pictures.slice(start, start + PART);
    const report = (done: number) => onProgress?.(start + done, pictures.length);
    let done = 0;
    const decoded = await part(cacheKey("part", decoding, chunk), () =>
      decodePart(folder, chunk, decoding, () => report(++done)),
    );
    if (done === 0) report(chunk.length);
    const [n = 0, ...image] = decoded.images.shape;
    images ??= NDArray.zeros([pictures.length, ...image], "uint8");
    images.rows(count, count + n).data.set(decoded.images.data);
    count += n;
    skipped.push(...decoded.skipped);
  }
  return { images: images && count > 0 ? images.rows(0, count) : null, skipped };
};

const decodePart = async (
  folder: string,
  pictures: readonly FoundPicture[],
  decoding: DecodeOptions,
  onDone: () => void,
): Promise<Dataset> => {
  const found = new Array<NDArray | Skipped>(pictures.length);
  await forEachConcurrently(pictures, CONCURRENCY, async (picture, i) => {
    const bytes = await readUnchanged(folder, picture);
    found[i] = await decodeImage(bytes, decoding).catch((error: unknown) => {
      if (!(error instanceof FileError)) throw error;
      return { path: picture.path, reason: `expected ${error.expected}, got ${error.got}` };
    });
    onDone();
  });
  const images = found.filter((each) => each instanceof NDArray);
  const skipped = found.filter((each): each is Skipped => !(each instanceof NDArray));
  return makeDataset({
    name: "part",
    images: images.length ? NDArray.stack(images) : noImages(decoding),
    labels: null,
    classes: null,
    skipped,
  });
};

/** Of the shape that images would have. */
const noImages = ({ size, channels }: DecodeOptions): NDArray => {
  const [height, width] = typeof size === "number" ? [size, size] : size;
  return NDArray.zeros([0, channels, height, width], "uint8");
};

const readUnchanged = async (folder: string, { path, hash }: FoundPicture): Promise<Uint8Array> => {
  const whole = join(folder, path);
  const bytes = await readFile(whole).catch((cause) => {
    throw changed(whole, reasonOf(cause));
  });
  if (sha256(bytes) === hash) return bytes;
  throw changed(whole, "another content");
};

const changed = (path: string, got: string): ChangedError =>
  new ChangedError(path, {
    expected: "the picture that was there when the folder was listed",
    got,
    hint: "start again when nothing else changes the folder",
  });

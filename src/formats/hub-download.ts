import { createHash } from "node:crypto";
import { constants, type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { FileError } from "../base/index.ts";
import { makeFolder, writeError } from "./atomic.ts";
import { sizeOf } from "./hub-cache.ts";

/** A file whose content is known by its hash. */
export interface Blob {
  /** Where it comes to lie. */
  readonly path: string;
  /** What it is called in errors. */
  readonly name: string;
  readonly size: number;
  /** SHA-256 of files in LFS; of others SHA-1 as git takes it. */
  readonly hash: string;
}

export interface Transfer {
  /** The bytes of the file from one on. */
  readonly from: (offset: number) => Promise<AsyncIterable<Uint8Array>>;
  /** Whether it is worth trying again after such an error. */
  readonly mayPass: (error: unknown) => boolean;
  /** Called with the bytes that are there now. */
  readonly onBytes: (bytes: number) => void;
  /** Milliseconds before the first of the pauses between tries, which double. */
  readonly pauseMs: number;
}

/** Tries in a row that bring nothing. */
const TRIES = 4;

/**
 * Fetches a blob into place. What an earlier call left is gone on with; what does not have the right hash is fetched
 * anew once. Each writes at the place of its bytes, so that two processes at the same file do not hurt each other.
 * @throws FileError that says how far it got; what was fetched is kept for the next call
 */
export const fetchBlob = async (blob: Blob, transfer: Transfer): Promise<void> => {
  const found = await sizeOf(blob.path);
  if (found === blob.size) return;
  const part = `${blob.path}.undiffuse.incomplete`;
  await makeFolder(dirname(part));
  if (found !== undefined) await rename(blob.path, part);
  for (const last of [false, true]) {
    const got = await fetchPart(part, blob, transfer);
    if (got === blob.hash) break;
    await rm(part, { force: true });
    if (last)
      throw new FileError(blob.name, {
        expected: `${blob.size} bytes of hash ${blob.hash}`,
        got: `${got}, twice: what was sent is not what the hub lists`,
      });
  }
  await rename(part, blob.path).catch(async (error: Error) => {
    // Another process was faster.
    if ((await sizeOf(blob.path)) !== blob.size) throw writeError(blob.path, blob.size, error);
  });
};

/** Fetches what is missing of a file; gives the hash of all that it holds then. */
const fetchPart = async (part: string, blob: Blob, transfer: Transfer): Promise<string> => {
  const file = await openPart(part);
  try {
    const { size } = await file.stat();
    if (size > blob.size) await file.truncate(blob.size);
    let reached = Math.min(size, blob.size);
    transfer.onBytes(reached);
    for (let failed = 0; reached < blob.size; ) {
      const before = reached;
      try {
        reached = await takeFrom(file, reached, blob, transfer);
        if (reached < blob.size) throw new Error("the connection ended too early");
      } catch (error) {
        reached = Math.min((await file.stat()).size, blob.size);
        failed = reached > before ? 1 : failed + 1;
        if (failed >= TRIES || !transfer.mayPass(error)) throw interrupted(blob, reached, error);
        await pause(transfer.pauseMs * 2 ** (failed - 1));
      }
    }
    await file.sync();
    return await hashOf(file, blob);
  } finally {
    await file.close();
  }
};

/** Writes what comes, up to the size that the file must have. */
const takeFrom = async (
  file: FileHandle,
  offset: number,
  blob: Blob,
  transfer: Transfer,
): Promise<number> => {
  let reached = offset;
  for await (const bytes of await transfer.from(offset)) {
    if (reached + bytes.length > blob.size)
      throw new FileError(blob.name, { expected: `${blob.size} bytes`, got: "more" });
    await file.write(bytes, 0, bytes.length, reached).catch((error) => {
      throw writeError(blob.path, blob.size, error);
    });
    reached += bytes.length;
    transfer.onBytes(reached);
  }
  return reached;
};

const interrupted = (blob: Blob, reached: number, cause: unknown): Error =>
  cause instanceof FileError
    ? cause
    : new FileError(
        blob.name,
        {
          expected: `${blob.size} bytes`,
          got: `${reached}, then ${cause instanceof Error ? cause.message : cause}`,
          hint: "run it again: it goes on where it stopped",
        },
        { cause },
      );

const openPart = (part: string): Promise<FileHandle> =>
  open(part, constants.O_RDWR | constants.O_CREAT).catch((error) => {
    throw writeError(part, undefined, error);
  });

const hashOf = async (file: FileHandle, { size, hash }: Blob): Promise<string> => {
  const git = hash.length === 40;
  const sum = createHash(git ? "sha1" : "sha256");
  if (git) sum.update(`blob ${size}\0`);
  for await (const bytes of file.createReadStream({ start: 0, autoClose: false, highWaterMark: 1 << 20 }))
    sum.update(bytes);
  return sum.digest("hex");
};

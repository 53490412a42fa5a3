import { randomUUID } from "node:crypto";
import { appendFile, mkdir, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { FileError, UndiffuseError } from "../base/index.ts";

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: "no space left on the device",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file would be larger than is allowed here",
  EROFS: "the file system is read-only",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  ENOENT: "its folder does not exist",
  ENOTDIR: "its folder is a file",
  EISDIR: "a folder of this name is in the way",
  ENOTEMPTY: "a folder of this name is in the way",
};

/** What a file is written from: all at once, or in parts of which one is in memory at a time. */
export type Content = Uint8Array | string | Iterable<Uint8Array>;

/**
 * Writes a file whole or not at all: a reader sees the old content or the new one, also after a crash.
 * The folder must exist. @throws FileError that says what failed, or what the parts throw; nothing is left behind then.
 */
export const writeWhole = async (path: string, content: Content): Promise<void> => {
  const temporary = temporaryOf(path);
  try {
    await writeDurably(temporary, content);
    await putInPlace(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw writeError(path, sized(content) ? content.length : undefined, error);
  }
};

/**
 * Writes a folder whole or not at all: `fill` writes into one beside it, which then takes the name. The folder around
 * it must exist, and nothing but an empty folder may have the name.
 * @throws FileError that says what failed, or what `fill` throws; nothing is left behind then
 */
export const writeFolderWhole = async (
  path: string,
  fill: (folder: string) => Promise<void>,
): Promise<void> => {
  await checkFree(path);
  const temporary = temporaryOf(path);
  try {
    await mkdir(temporary);
    await fill(temporary);
    await syncFolder(temporary);
    await putInPlace(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true, recursive: true }).catch(() => undefined);
    if (!(error instanceof FileError)) throw writeError(path, undefined, error);
    const { expected, got, hint, cause } = error;
    const complaint = { expected, got, ...(hint && { hint }) };
    throw new FileError(error.path.replace(temporary, path), complaint, { cause });
  }
};

const checkFree = async (path: string): Promise<void> => {
  const found = await readdir(path).catch(({ code, message }: NodeJS.ErrnoException) =>
    code === "ENOENT" ? [] : message,
  );
  if (found.length)
    throw new FileError(path, {
      expected: "a new or an empty folder",
      got: typeof found === "string" ? found : `one that holds ${found.join(", ")}`,
    });
};

/** Beside what it will become, hidden, and nobody else's. */
const temporaryOf = (path: string): string => join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`);

const putInPlace = async (temporary: string, path: string): Promise<void> => {
  await rename(temporary, path);
  await syncFolder(dirname(path));
};

/** Adds to the end of a file, which a crash may cut short. @throws FileError that says what failed */
export const append = async (path: string, content: Uint8Array | string): Promise<void> => {
  await appendFile(path, content).catch((error: unknown) => {
    throw writeError(path, content.length, error);
  });
};

/** Writes a small file that must not be there yet; false when it is. @throws FileError that says what failed */
export const createFile = async (path: string, content: string): Promise<boolean> => {
  try {
    await writeFile(path, content, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw writeError(path, content.length, error);
  }
};

/** Makes a folder and those around it, where they are missing. @throws FileError where none can be */
export const makeFolder = async (path: string): Promise<void> => {
  await mkdir(path, { recursive: true }).catch((cause: Error) => {
    throw new FileError(path, { expected: "a folder to write to", got: cause.message }, { cause });
  });
};

const sized = (content: Content): content is Uint8Array | string =>
  typeof content === "string" || content instanceof Uint8Array;

const writeDurably = async (path: string, content: Content): Promise<void> => {
  const file = await open(path, "wx");
  try {
    for (const part of sized(content) ? [content] : content) await file.writeFile(part);
    await file.sync();
  } finally {
    await file.close();
  }
};

/** Makes the rename itself durable. Windows cannot open a folder for this. */
const syncFolder = async (folder: string): Promise<void> => {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** What went wrong when a file was to be written, in words; an error of ours as it is. */
export const writeError = (path: string, length: number | undefined, error: unknown): Error => {
  if (error instanceof UndiffuseError) return error;
  const { code = "", message } = error as NodeJS.ErrnoException;
  const reason = reasons[code];
  const what = length === undefined ? "it whole" : `${length} ${length === 1 ? "byte" : "bytes"}`;
  return new FileError(
    path,
    {
      expected: `to write ${what}`,
      got: reason ? `${reason} (${code})` : message,
      ...(code === "ENOSPC" && { hint: "free some space; what the file held before is untouched" }),
    },
    { cause: error },
  );
};

import { randomUUID } from "node:crypto";
import { appendFile, mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { FileError } from "../base/index.ts";

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
};

/**
 * Writes a file whole or not at all: a reader sees the old content or the new one, also after a crash.
 * The folder must exist. @throws FileError that says what failed; nothing is left behind then.
 */
export const writeWhole = async (path: string, content: Uint8Array | string): Promise<void> => {
  const folder = dirname(path);
  const temporary = join(folder, `.${basename(path)}.${randomUUID()}.tmp`);
  try {
    await writeDurably(temporary, content);
    await rename(temporary, path);
    await syncFolder(folder);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw writeError(path, content.length, error);
  }
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

const writeDurably = async (path: string, content: Uint8Array | string): Promise<void> => {
  const file = await open(path, "wx");
  try {
    await file.writeFile(content);
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

const writeError = (path: string, length: number, error: unknown): FileError => {
  const { code = "", message } = error as NodeJS.ErrnoException;
  const reason = reasons[code];
  return new FileError(
    path,
    {
      expected: `to write ${length} ${length === 1 ? "byte" : "bytes"}`,
      got: reason ? `${reason} (${code})` : message,
      ...(code === "ENOSPC" && { hint: "free some space; what the file held before is untouched" }),
    },
    { cause: error },
  );
};

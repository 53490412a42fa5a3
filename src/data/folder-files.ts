import { readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { FileError } from "../base/index.ts";
import type { Skipped } from "./dataset.ts";

/** Paths relative to the folder, with `/` between names. */
export interface FolderFiles {
  readonly files: readonly string[];
  readonly skipped: readonly Skipped[];
}

/**
 * All files of a folder and its folders, in the order of their names' code units whatever the file system.
 * Hidden files and folders (`.name`) are passed over. Links are followed, each folder once, so a loop of
 * links ends. @throws FileError when there is no such folder.
 */
export const listFiles = async (folder: string): Promise<FolderFiles> => {
  const files: string[] = [];
  const skipped: Skipped[] = [];
  const seen = new Set<string>();
  const visit = async (path: string): Promise<void> => {
    const real = await realpath(join(folder, path));
    if (seen.has(real)) return;
    seen.add(real);
    for (const name of (await readdir(real)).sort()) {
      if (name.startsWith(".")) continue;
      await sortOut(path ? `${path}/${name}` : name);
    }
  };
  const sortOut = async (path: string): Promise<void> => {
    try {
      const found = await stat(join(folder, path));
      if (found.isDirectory()) await visit(path);
      else if (found.isFile()) files.push(path);
      else skipped.push({ path, reason: "neither a file nor a folder" });
    } catch (error) {
      skipped.push({ path, reason: reasonOf(error) });
    }
  };
  await checkFolder(folder);
  await visit("").catch(refuse(folder));
  return { files, skipped };
};

const checkFolder = async (folder: string): Promise<void> => {
  const found = await stat(folder).catch(refuse(folder));
  if (!found.isDirectory()) throw new FileError(folder, { expected: "a folder of images", got: "a file" });
};

const refuse = (folder: string) => (cause: unknown) => {
  throw new FileError(folder, { expected: "a folder of images", got: reasonOf(cause) }, { cause });
};

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "nothing of this name",
  ENOTDIR: "a file where a folder should be",
  EACCES: "no permission to read it",
  EPERM: "no permission to read it",
  ELOOP: "a link that leads to itself",
};

/** Why a file could not be read, in words. */
export const reasonOf = (error: unknown): string => {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return reasons[code] ?? message;
};

import { randomUUID } from "node:crypto";
import { copyFile, mkdir, readdir, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { FileError } from "../base/index.ts";
import { makeFolder, writeWhole } from "./atomic.ts";

// The layout that Python's huggingface_hub keeps ("Understand caching"): a file's content lies under blobs by its hash,
// snapshots/<commit> holds links to it by the file's path, refs/<branch> says which commit a branch was at.

export type Environment = Readonly<Record<string, string | undefined>>;

const expand = (path: string): string => path.replace(/^~(?=$|[/\\])/, homedir());

const home = (env: Environment): string =>
  expand(env.HF_HOME || join(env.XDG_CACHE_HOME || join("~", ".cache"), "huggingface"));

/** The folder that Python's client uses too. */
export const hubCache = (env: Environment): string =>
  expand(env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || join(home(env), "hub"));

/** From HF_TOKEN, or where `hf auth login` keeps it. */
export const hubToken = async (env: Environment): Promise<string | undefined> => {
  const given = env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN;
  const kept = () => readFile(expand(env.HF_TOKEN_PATH || join(home(env), "token")), "utf8").catch(() => "");
  return (given ?? (await kept())).trim() || undefined;
};

export const isOffline = (env: Environment): boolean =>
  [env.HF_HUB_OFFLINE, env.TRANSFORMERS_OFFLINE].some((value) => /^(1|on|yes|true)$/i.test(value ?? ""));

/** The folders of one model in the cache. */
export interface ModelCache {
  readonly blob: (hash: string) => string;
  readonly snapshot: (commit: string) => string;
  readonly ref: (revision: string) => string;
}

export const modelCache = (cache: string, name: string): ModelCache => {
  const folder = join(cache, `models--${name.replace("/", "--")}`);
  return {
    blob: (hash) => join(folder, "blobs", hash),
    snapshot: (commit) => join(folder, "snapshots", commit),
    ref: (revision) => join(folder, "refs", revision),
  };
};

export const isCommit = (revision: string): boolean => /^[0-9a-f]{40}$/.test(revision);

/** The commit that a revision was at when it was last fetched. */
export const cachedCommit = async (cache: ModelCache, revision: string): Promise<string | undefined> => {
  if (isCommit(revision)) return revision;
  const commit = (await readFile(cache.ref(revision), "utf8").catch(() => "")).trim();
  return isCommit(commit) ? commit : undefined;
};

export const keepCommit = async (cache: ModelCache, revision: string, commit: string): Promise<void> => {
  if (isCommit(revision)) return;
  await makeFolder(dirname(cache.ref(revision)));
  await writeWhole(cache.ref(revision), commit);
};

/** Paths of the files of a snapshot whose content is there, with forward slashes. */
export const snapshotFiles = async (snapshot: string): Promise<string[]> => {
  const paths = await readdir(snapshot, { recursive: true }).catch(() => []);
  const whole = await Promise.all(paths.map((path) => sizeOf(join(snapshot, path))));
  return paths.filter((_, i) => whole[i] !== undefined).map((path) => path.split(sep).join("/"));
};

/** Bytes of a file; undefined for what is none. */
export const sizeOf = async (path: string): Promise<number | undefined> => {
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() ? found.size : undefined;
};

/** Puts a blob into a snapshot under its path, as a relative link, or a copy where there are no links. */
export const linkBlob = async (blob: string, path: string): Promise<void> => {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await symlink(relative(dirname(path), blob), temporary).catch(() => copyFile(blob, temporary));
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw new FileError(path, { expected: `a link to ${blob}`, got: (cause as Error).message }, { cause });
  }
};

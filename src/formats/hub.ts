import { statfs } from "node:fs/promises";
import { join, posix } from "node:path";
import { ArgumentError, FileError } from "../base/index.ts";
import { makeFolder } from "./atomic.ts";
import { readModelIndex } from "./diffusers-folder.ts";
import {
  cachedCommit,
  type Environment,
  hubCache,
  hubToken,
  isOffline,
  keepCommit,
  linkBlob,
  type ModelCache,
  modelCache,
  sizeOf,
  snapshotFiles,
} from "./hub-cache.ts";
import {
  contentFrom,
  explained,
  type HubAccess,
  hubAccess,
  listRemote,
  mayPass,
  type RemoteFile,
  reasonOf,
  resolveCommit,
} from "./hub-client.ts";
import { fetchBlob } from "./hub-download.ts";
import { entryFile, type HubWish, selectFiles } from "./hub-files.ts";
import { isPlainName } from "./plain-name.ts";
import { shardNames } from "./sharded.ts";

/** How far a download is, over all its files. */
export interface HubProgress {
  readonly file: string;
  readonly bytes: number;
  readonly total: number;
}

export interface HubOptions extends HubWish {
  /** A branch, tag or commit. */
  readonly revision?: string;
  /** HF_TOKEN, or the one that `hf auth login` kept, when left out. */
  readonly token?: string | undefined;
  readonly onProgress?: (progress: HubProgress) => void;
  readonly signal?: AbortSignal;
  /** Variables that set cache, token and offline mode, as Python's client reads them. */
  readonly env?: Environment;
  /** Another hub than huggingface.co; HF_ENDPOINT when left out. */
  readonly hubUrl?: string | undefined;
  /** Milliseconds before a broken connection is first tried again. */
  readonly pauseMs?: number;
}

/** A model of the hub on this machine. */
export interface HubSnapshot {
  /** A folder as Python's cache has it: to be opened like any other. */
  readonly folder: string;
  readonly commit: string;
  /** Why it comes from the cache and the hub was not asked; undefined when it was. */
  readonly cachedBecause: string | undefined;
}

/** What the steps of one call share. */
interface Call {
  readonly name: string;
  readonly revision: string;
  readonly cache: ModelCache;
  readonly options: HubOptions;
  readonly access: HubAccess;
}

/**
 * Fetches `owner/name` from the Hugging Face hub into the cache that Python shares: of a pipeline or model what it needs
 * in the asked-for variant, or the named files. Files that are there are not fetched again, interrupted ones are gone on
 * with, every one is checked against the hub's size and hash. Without a network, or with HF_HUB_OFFLINE=1, what is in
 * the cache is used if it is complete.
 * @throws FileError that says what is missing, or how far it got; ArgumentError for a name or revision that is none
 */
export const fetchFromHub = async (name: string, options: HubOptions = {}): Promise<HubSnapshot> => {
  const call = await callOf(name, options);
  const asked = await askCommit(call);
  if ("refused" in asked) return fromCache(call, asked.refused);
  const { commit } = asked;
  await fetchFiles(call, commit, await wantedFiles(call, commit), options.onProgress);
  await keepCommit(call.cache, call.revision, commit);
  return { folder: call.cache.snapshot(commit), commit, cachedBecause: undefined };
};

/**
 * The files that {@link fetchFromHub} would fetch now, those that are here left out; of the model only its indexes are
 * fetched. None where the hub cannot be asked.
 * @throws as {@link fetchFromHub} does, but for what the cache lacks
 */
export const missingFromHub = async (
  name: string,
  options: HubOptions = {},
): Promise<readonly Pick<RemoteFile, "path" | "size">[]> => {
  const call = await callOf(name, options);
  const asked = await askCommit(call);
  if ("refused" in asked) return [];
  const folder = call.cache.snapshot(asked.commit);
  const files = await wantedFiles(call, asked.commit);
  const here = await Promise.all(files.map(({ path }) => sizeOf(join(folder, path))));
  return files.filter(({ size }, i) => here[i] !== size);
};

const callOf = async (name: string, options: HubOptions): Promise<Call> => {
  const { env = process.env, revision = "main" } = options;
  checkName(name);
  checkRevision(revision);
  return {
    name,
    revision,
    options,
    cache: modelCache(hubCache(env), name),
    access: hubAccess({
      token: options.token ?? (await hubToken(env)),
      hubUrl: options.hubUrl ?? env.HF_ENDPOINT,
      signal: options.signal,
    }),
  };
};

/** The commit that a revision is at, or why the hub does not say it. */
const askCommit = async (call: Call): Promise<{ readonly commit: string } | { readonly refused: string }> => {
  const { env = process.env, signal } = call.options;
  if (isOffline(env)) return { refused: "HF_HUB_OFFLINE is set" };
  try {
    return { commit: await resolveCommit(call, call.access) };
  } catch (error) {
    if (signal?.aborted || !mayPass(error)) throw explained(call, error, call.access);
    return { refused: reasonOf(error) };
  }
};

/** What a call asks for; the indexes that tell of it are fetched. */
const wantedFiles = async (call: Call, commit: string): Promise<readonly RemoteFile[]> => {
  const remote = await listRemote({ name: call.name, revision: commit }, call.access).catch((error) => {
    throw explained(call, error, call.access);
  });
  const paths = [...remote.keys()];
  const files = (wanted: readonly string[]) => wanted.flatMap((path) => remote.get(path) ?? []);
  const entry = entryFile(call.name, paths, call.options);
  if (entry) await fetchFiles(call, commit, files([entry]));
  const selection = await select(call, commit, paths);
  await fetchFiles(call, commit, files(selection.indexes));
  const shards = await shardsOf(call, commit, selection.indexes);
  const missing = shards.find((path) => !remote.has(path));
  if (missing)
    throw new FileError(call.name, { expected: missing, got: "an index that names it, and no such file" });
  return files([...selection.paths, ...shards]);
};

const select = async ({ name, options, cache }: Call, commit: string, paths: readonly string[]) => {
  const pipeline = entryFile(name, paths, options) === "model_index.json";
  return selectFiles(name, paths, {
    ...options,
    ...(pipeline && { index: await readModelIndex(cache.snapshot(commit)) }),
  });
};

const shardsOf = async ({ cache }: Call, commit: string, indexes: readonly string[]): Promise<string[]> => {
  const each = indexes.map(async (path) =>
    (await shardNames(join(cache.snapshot(commit), path))).map((shard) =>
      posix.join(posix.dirname(path), shard),
    ),
  );
  return [...new Set((await Promise.all(each)).flat())];
};

const fetchFiles = async (
  call: Call,
  commit: string,
  files: readonly RemoteFile[],
  onProgress: (progress: HubProgress) => void = () => undefined,
): Promise<void> => {
  const { name, cache, access, options } = call;
  const total = files.reduce((sum, { size }) => sum + size, 0);
  await checkSpace(cache, files);
  let done = 0;
  for (const { path, size, hash } of files) {
    const onBytes = (bytes: number) => onProgress({ file: path, bytes: done + bytes, total });
    const target = join(cache.snapshot(commit), path);
    if ((await sizeOf(target)) !== size) {
      const blob = { path: cache.blob(hash), name: `${name}/${path}`, size, hash };
      const file = { name, revision: commit, path, size, hash };
      const from = (offset: number) => contentFrom(file, offset, access);
      const retry = (error: unknown) => !options.signal?.aborted && mayPass(error);
      await fetchBlob(blob, { from, mayPass: retry, onBytes, pauseMs: options.pauseMs ?? 500 });
      await linkBlob(blob.path, target);
    }
    onBytes(size);
    done += size;
  }
};

/** What was fetched before, if it is complete. */
const fromCache = async (call: Call, reason: string): Promise<HubSnapshot> => {
  const { name, revision, cache } = call;
  const commit = await cachedCommit(cache, revision);
  const paths = commit ? await snapshotFiles(cache.snapshot(commit)) : [];
  if (!commit || !paths.length)
    throw new FileError(name, {
      expected: `revision ${revision} in the cache, as ${reason}`,
      got: `nothing in ${cache.snapshot("")}`,
    });
  try {
    const { indexes } = await select(call, commit, paths);
    const missing = (await shardsOf(call, commit, indexes)).filter((path) => !paths.includes(path));
    if (missing.length) throw new FileError(name, { expected: missing.join(", "), got: "none of them" });
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    const { expected, got, path } = error;
    throw new FileError(path, { expected: `${expected} in the cache, as ${reason}`, got }, { cause: error });
  }
  return { folder: cache.snapshot(commit), commit, cachedBecause: reason };
};

const checkSpace = async (cache: ModelCache, files: readonly RemoteFile[]): Promise<void> => {
  const folder = cache.blob("");
  await makeFolder(folder);
  const sizes = await Promise.all(
    files.map(async ({ hash, size }) => size - ((await sizeOf(cache.blob(hash))) ?? 0)),
  );
  const needed = sizes.reduce((sum, size) => sum + size, 0);
  const { bavail, bsize } = await statfs(folder);
  if (needed > bavail * bsize)
    throw new FileError(folder, {
      expected: `room for ${needed} bytes`,
      got: `${bavail * bsize}`,
      hint: "free some space, or name another cache in HF_HUB_CACHE",
    });
};

const checkName = (name: string): void => {
  if (!/^[\w.-]+(\/[\w.-]+)?$/.test(name) || /--|\.\./.test(name) || !name.split("/").every(isPlainName))
    throw new ArgumentError({
      who: "fetchFromHub",
      expected: "a model as owner/name",
      got: JSON.stringify(name),
    });
};

const checkRevision = (revision: string): void => {
  if (!revision.split("/").every(isPlainName))
    throw new ArgumentError({
      who: "fetchFromHub",
      expected: "a branch, tag or commit",
      got: JSON.stringify(revision),
    });
};

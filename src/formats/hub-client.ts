import { ArgumentError, FileError } from "../base/index.ts";
import { isCommit } from "./hub-cache.ts";
import { isPlainName } from "./plain-name.ts";

/** Loaded when the hub is asked: most runs never ask. */
const client = () => import("@huggingface/hub");

/** How the hub is reached. */
export interface HubAccess {
  readonly accessToken?: string;
  readonly hubUrl?: string;
  readonly fetch: typeof fetch;
}

/** A file as the hub lists it: its hash is SHA-256 in LFS, git's SHA-1 otherwise. */
export interface RemoteFile {
  readonly path: string;
  readonly size: number;
  readonly hash: string;
}

/** A model at a branch, tag or commit. */
export interface Revision {
  readonly name: string;
  readonly revision: string;
}

/** Milliseconds without an answer, or without another byte, after which a connection counts as broken. */
const PATIENCE = 60_000;

/** @throws ArgumentError for a token that is none */
export const hubAccess = ({
  token,
  hubUrl,
  signal,
}: {
  readonly token: string | undefined;
  readonly hubUrl: string | undefined;
  readonly signal: AbortSignal | undefined;
}): HubAccess => {
  if (token && !token.startsWith("hf_"))
    throw new ArgumentError({
      who: "fetchFromHub",
      expected: "a token that starts with hf_",
      got: "another",
    });
  return {
    ...(token && { accessToken: token }),
    ...(hubUrl && { hubUrl: hubUrl.replace(/\/+$/, "") }),
    fetch: (input, init) => patientFetch(input, init, signal),
  };
};

/** The commit that a revision is at. */
export const resolveCommit = async ({ name, revision }: Revision, access: HubAccess): Promise<string> => {
  const { modelInfo } = await client();
  const { sha } = await modelInfo({ name, revision, additionalFields: ["sha"], ...access });
  if (isCommit(sha)) return sha;
  throw new FileError(name, { expected: "a commit from the hub", got: JSON.stringify(sha) ?? "none" });
};

/** All files by their paths. */
export const listRemote = async (
  { name, revision }: Revision,
  access: HubAccess,
): Promise<Map<string, RemoteFile>> => {
  const { listFiles } = await client();
  const files = new Map<string, RemoteFile>();
  const repo = { type: "model", name } as const;
  for await (const entry of listFiles({ repo, recursive: true, revision, ...access }))
    if (entry.type === "file") files.set(entry.path, checkRemote(name, entry));
  return files;
};

/** The bytes of a file from one on. */
export const contentFrom = async (
  { name, revision, path, size }: Revision & RemoteFile,
  offset: number,
  access: HubAccess,
): Promise<AsyncIterable<Uint8Array>> => {
  const repo = { type: "model", name } as const;
  const { downloadFile } = await client();
  // Over plain HTTP, which can be gone on with at any byte.
  const content = await downloadFile({ repo, path, revision, xet: false, ...access });
  if (content?.size === size)
    return content.slice(offset, size).stream() as unknown as AsyncIterable<Uint8Array>;
  const got = content ? `one of ${content.size}` : "none";
  throw new FileError(`${name}/${path}`, { expected: `a file of ${size} bytes, as listed`, got });
};

const checkRemote = (
  name: string,
  { path, size, oid, lfs }: { path: string; size: number; oid?: string; lfs?: { oid: string; size: number } },
): RemoteFile => {
  const file = { path, size: lfs?.size ?? size, hash: lfs?.oid ?? oid ?? "" };
  // Paths and hashes become names in the cache.
  if (!path.split("/").every(isPlainName))
    throw new FileError(name, { expected: "paths inside the model", got: JSON.stringify(path) });
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(file.hash) || !Number.isSafeInteger(file.size) || file.size < 0)
    throw new FileError(`${name}/${path}`, { expected: "a hash and a size", got: JSON.stringify(file) });
  return file;
};

/** A fetch that gives up after a time without an answer or another byte. */
const patientFetch: (
  input: Parameters<typeof fetch>[0],
  init: RequestInit | undefined,
  signal: AbortSignal | undefined,
) => Promise<Response> = async (input, init, signal) => {
  const patience = new AbortController();
  const late = () => patience.abort(new Error(`no byte in ${PATIENCE / 1000} s`));
  const timer = setTimeout(late, PATIENCE).unref();
  const signals = signal ? [signal, patience.signal] : [patience.signal];
  try {
    const response = await fetch(input, { ...init, signal: AbortSignal.any(signals) });
    const watched = response.body?.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform: (bytes, controller) => {
          timer.refresh();
          controller.enqueue(bytes);
        },
        flush: () => clearTimeout(timer),
      }),
    );
    if (!watched) clearTimeout(timer);
    return responseWith(response, watched ?? null);
  } catch (error) {
    clearTimeout(timer);
    throw error;
  }
};

/** The same answer with another body; its address, which the client needs, is not among what a constructor takes. */
const responseWith = (response: Response, body: ReadableStream<Uint8Array> | null): Response =>
  Object.defineProperty(new Response(body, response), "url", { value: response.url });

/** The status of an answer that the client refused; undefined for other errors. */
const statusOf = (error: unknown): number | undefined =>
  error instanceof Error && "statusCode" in error ? (error.statusCode as number) : undefined;

/** Whether an error is of the network or the server, and not of what was asked. */
export const mayPass = (error: unknown): boolean => {
  const status = statusOf(error);
  if (status) return status >= 500 || status === 429;
  return !(error instanceof FileError || error instanceof ArgumentError || error instanceof SyntaxError);
};

export const reasonOf = (error: unknown): string => {
  const status = statusOf(error);
  if (status) return `the hub answers ${status}`;
  const { message, cause } = error as Error;
  return `the hub cannot be reached (${cause instanceof Error && cause.message ? cause.message : message})`;
};

/** What an error of the client means to who asked. */
export const explained = ({ name, revision }: Revision, error: unknown, access: HubAccess): unknown => {
  const status = statusOf(error);
  if (!status)
    return error instanceof FileError
      ? error
      : new FileError(
          name,
          { expected: "an answer of the hub", got: (error as Error).message },
          { cause: error },
        );
  if (status === 404)
    return new FileError(
      name,
      { expected: `a model of revision ${revision}`, got: "none (404)" },
      { cause: error },
    );
  const refused = status === 401 || status === 403;
  const hint = access.accessToken
    ? `ask for access at https://huggingface.co/${name} with the account of your token`
    : `if it is private or gated, set HF_TOKEN, or log in with \`hf auth login\``;
  return new FileError(
    name,
    {
      expected: refused ? "a model that is open to you" : "an answer of the hub",
      got: refused ? `none of this name, or no access (${status})` : (error as Error).message,
      ...(refused && { hint }),
    },
    { cause: error },
  );
};

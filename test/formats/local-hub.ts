import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a server sends in place of what it should. */
export type Fault = (request: {
  readonly path: string;
  readonly range: string | undefined;
  readonly content: Uint8Array;
  readonly response: ServerResponse;
}) => boolean;

export interface LocalHub {
  readonly url: string;
  readonly commit: string;
  /** Content by path; of "private" ones a token is asked. */
  readonly files: Map<string, Uint8Array>;
  /** Files that lie in LFS: the hub answers with the address of another server. */
  readonly lfs: Set<string>;
  /** Paths and ranges of content in the order they were asked for, probes of one byte left out. */
  readonly asked: string[];
  /** Paths and authorisations that reached the server of LFS files. */
  readonly elsewhere: (string | undefined)[];
  /** Tried before a file is sent; true when it has answered itself. */
  fault: Fault | undefined;
  /** Changes an entry of the listing. */
  relist: (entry: Record<string, unknown>) => Record<string, unknown>;
  /** Every answer of the hub itself, when set. */
  status: number | undefined;
  token: string | undefined;
  readonly close: () => Promise<void>;
}

const NAME = "owner/model";
const hash = (kind: string, ...parts: (string | Uint8Array)[]): string =>
  parts.reduce((sum, part) => sum.update(part), createHash(kind)).digest("hex");
export const gitHash = (content: Uint8Array): string => hash("sha1", `blob ${content.length}\0`, content);
export const sha256 = (content: Uint8Array): string => hash("sha256", content);

/** A server that behaves as huggingface.co does to who downloads `owner/model`, two files to a page of its listing. */
export const startHub = async (): Promise<LocalHub> => {
  const hub: { -readonly [K in keyof LocalHub]: LocalHub[K] } = {
    url: "",
    commit: "0123456789abcdef0123456789abcdef01234567",
    files: new Map(),
    lfs: new Set(),
    asked: [],
    elsewhere: [],
    fault: undefined,
    relist: (entry) => entry,
    status: undefined,
    token: undefined,
    close: async () => {
      for (const server of [main, store]) {
        server.closeAllConnections();
        await new Promise((done) => server.close(done));
      }
    },
  };
  const content = (request: IncomingMessage, response: ServerResponse, path: string) => {
    const bytes = hub.files.get(path);
    if (!bytes) return refuse(response, 404, "EntryNotFound");
    const { range } = request.headers;
    if (range !== "bytes=0-0") hub.asked.push(`${path} ${range ?? "whole"}`);
    if (range !== "bytes=0-0" && hub.fault?.({ path, range, content: bytes, response })) return;
    send(response, bytes, range, hub.lfs.has(path) ? sha256(bytes) : gitHash(bytes));
  };
  const store = createServer((request, response) => {
    hub.elsewhere.push(request.headers.authorization);
    content(request, response, decodeURIComponent((request.url ?? "").slice(1)));
  });
  const storeUrl = await listen(store);
  const main = createServer((request, response) => {
    const url = new URL(request.url ?? "", hub.url);
    if (hub.status) return refuse(response, hub.status, "Trouble");
    if (hub.token && request.headers.authorization !== `Bearer ${hub.token}`)
      return refuse(response, 401, "GatedRepo");
    const revision = new RegExp(`^/api/models/${NAME}/revision/(.+)$`).exec(url.pathname)?.[1];
    if (revision && ["main", "v1", "refs%2Fpr%2F1", hub.commit].includes(revision))
      return json(response, { id: NAME, _id: "1", sha: hub.commit, lastModified: "2026-01-01T00:00:00Z" });
    if (url.pathname === `/api/models/${NAME}/tree/${hub.commit}`) return list(hub, response, url);
    const path = new RegExp(`^/${NAME}/resolve/${hub.commit}/(.+)$`).exec(url.pathname)?.[1];
    if (!path) return refuse(response, 404, "RepoNotFound");
    if (!hub.lfs.has(path)) return content(request, response, path);
    response.writeHead(302, { location: `${storeUrl}/${encodeURIComponent(path)}` }).end();
  });
  hub.url = await listen(main);
  return hub;
};

const listen = async (server: Server): Promise<string> => {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

const json = (response: ServerResponse, value: unknown, headers = {}) =>
  response.writeHead(200, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));

const refuse = (response: ServerResponse, status: number, code: string) =>
  response
    .writeHead(status, { "content-type": "application/json", "x-error-code": code })
    .end(JSON.stringify({ error: `refused: ${code}` }));

const list = (hub: LocalHub, response: ServerResponse, url: URL) => {
  const at = Number(url.searchParams.get("at") ?? 0);
  const entries = [...hub.files].slice(at, at + 2).map(([path, bytes]) => {
    const lfs = { oid: sha256(bytes), size: bytes.length, pointerSize: 130 };
    const entry = { type: "file", path, size: bytes.length, oid: gitHash(bytes) };
    return hub.relist(hub.lfs.has(path) ? { ...entry, lfs } : entry);
  });
  url.searchParams.set("at", String(at + 2));
  const next = at + 2 < hub.files.size ? { link: `<${url.href}>; rel="next"` } : {};
  json(response, entries, next);
};

const send = (response: ServerResponse, bytes: Uint8Array, range: string | undefined, etag: string) => {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
  const headers = { etag: `"${etag}"`, "accept-ranges": "bytes" };
  if (first === undefined || last === undefined)
    return response.writeHead(200, { ...headers, "content-length": bytes.length }).end(bytes);
  const part = bytes.subarray(Number(first), Number(last) + 1);
  response
    .writeHead(206, {
      ...headers,
      "content-length": part.length,
      "content-range": `bytes ${first}-${Number(first) + part.length - 1}/${bytes.length}`,
    })
    .end(part);
};

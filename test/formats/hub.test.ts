import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ArgumentError, FileError, NDArray } from "../../src/base/index.ts";
import {
  fetchFromHub,
  type HubOptions,
  type HubProgress,
  missingFromHub,
  openComponent,
  writeSafetensors,
} from "../../src/formats/index.ts";
import { gitHash, type LocalHub, sha256, startHub } from "./local-hub.ts";

const NAME = "owner/model";
const UNET = "unet/diffusion_pytorch_model.safetensors";
const HALF = "unet/diffusion_pytorch_model.fp16.safetensors";
const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const weights = (size: number, half = false) =>
  writeSafetensors(
    new Map([["a", NDArray.of(Array.from({ length: size }, (_, i) => i % 100))]]),
    {},
    { half },
  );

let hub: LocalHub;
let cache: string;
beforeEach(async () => {
  hub = await startHub();
  cache = await mkdtemp(join(tmpdir(), "hub-"));
  const files: Record<string, Uint8Array> = {
    "README.md": bytesOf("read"),
    "model_index.json": bytesOf({
      _class_name: "P",
      unet: ["diffusers", "UNet2DModel"],
      scheduler: ["diffusers", "DDPMScheduler"],
      safety_checker: ["stable_diffusion", "StableDiffusionSafetyChecker"],
      feature_extractor: [null, null],
    }),
    "unet/config.json": bytesOf({ _class_name: "UNet2DModel" }),
    [UNET]: weights(200_000),
    [HALF]: weights(10, true),
    "unet/diffusion_pytorch_model.bin": new Uint8Array(9),
    "scheduler/scheduler_config.json": bytesOf({ _class_name: "DDPMScheduler" }),
    "safety_checker/config.json": bytesOf({ architectures: ["StableDiffusionSafetyChecker"] }),
    "safety_checker/model.safetensors": weights(3),
    "v1-5-pruned.safetensors": weights(30),
    "empty.txt": new Uint8Array(0),
  };
  for (const [path, bytes] of Object.entries(files)) hub.files.set(path, bytes);
  for (const path of [UNET, HALF]) hub.lfs.add(path);
});
afterEach(async () => {
  await hub.close();
  await rm(cache, { recursive: true });
});

const get = (options: HubOptions = {}, env = {}) =>
  fetchFromHub(NAME, { hubUrl: hub.url, pauseMs: 1, ...options, env: { HF_HUB_CACHE: cache, ...env } });
const at = (...path: string[]) => join(cache, "models--owner--model", ...path);
const snapshot = () => at("snapshots", hub.commit);
const filesThere = async () =>
  (await readdir(snapshot(), { recursive: true, withFileTypes: true }))
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(snapshot().length + 1))
    .sort();
/** Sends the first bytes of a file's content, then ends the connection, so many times. */
const breakAfter = (size: number, times = 1) => {
  let left = times;
  hub.fault = ({ path, range, content, response }) => {
    if (path !== UNET || left-- <= 0) return false;
    const first = Number(/bytes=(\d+)/.exec(range ?? "")?.[1] ?? 0);
    response.writeHead(range ? 206 : 200, { "content-length": content.length - first });
    response.write(content.subarray(first, first + size), () => setTimeout(() => response.destroy(), 20));
    return true;
  };
};

describe("fetchFromHub", () => {
  it("fetches what a pipeline needs, and no pickles, other variants or single files", async () => {
    const { folder, commit, cachedBecause } = await get();
    expect({ folder, commit, cachedBecause }).toEqual({
      folder: snapshot(),
      commit: hub.commit,
      cachedBecause: undefined,
    });
    expect(await filesThere()).toEqual([
      "model_index.json",
      "safety_checker/config.json",
      "safety_checker/model.safetensors",
      "scheduler/scheduler_config.json",
      "unet/config.json",
      UNET,
    ]);
    const unet = await openComponent(folder, "unet");
    expect((await unet.weights?.read("a"))?.data[57]).toBe(57);
    await unet.weights?.close();
  });

  it("lays the cache out as Python does: blobs by hash, relative links, the branch's commit", async () => {
    await get({ without: ["safety_checker"] });
    const index = hub.files.get("model_index.json") as Uint8Array;
    const large = hub.files.get(UNET) as Uint8Array;
    expect(await readFile(at("refs", "main"), "utf8")).toBe(hub.commit);
    expect(await readlink(join(snapshot(), "model_index.json"))).toBe(`../../blobs/${gitHash(index)}`);
    expect(await readlink(join(snapshot(), UNET))).toBe(`../../../blobs/${sha256(large)}`);
    expect((await readFile(at("blobs", sha256(large)))).equals(large)).toBe(true);
    expect(await readdir(at("blobs"))).toHaveLength(4);
  });

  it("takes a variant where a component has it, and plain weights where it has not", async () => {
    await get({ variant: "fp16" });
    expect((await filesThere()).filter((path) => path.endsWith(".safetensors"))).toEqual([
      "safety_checker/model.safetensors",
      HALF,
    ]);
    await expect(get({ variant: "bf16" })).rejects.toThrow(
      /owner\/model\/unet: expected weights of variant bf16.*got variant fp16, weights without a variant/,
    );
  });

  it("fetches the files that an index names", async () => {
    hub.files.delete(UNET);
    const shard = "diffusion_pytorch_model-00001-of-00002.safetensors";
    hub.files.set(`unet/${shard}`, weights(4));
    hub.files.set("unet/diffusion_pytorch_model-00002-of-00002.safetensors", weights(5));
    hub.files.set(
      "unet/diffusion_pytorch_model.safetensors.index.json",
      bytesOf({ weight_map: { a: shard } }),
    );
    const { folder } = await get({ without: ["safety_checker"] });
    expect((await filesThere()).filter((path) => path.startsWith("unet/diffusion"))).toEqual([
      `unet/${shard}`,
      "unet/diffusion_pytorch_model.safetensors.index.json",
    ]);
    expect((await get({}, { HF_HUB_OFFLINE: "1" }).catch((error) => error)).message).toMatch(
      /safety_checker/,
    );
    expect((await get({ without: ["safety_checker"] }, { HF_HUB_OFFLINE: "1" })).folder).toBe(folder);
  });

  it("fetches named files, an empty one among them, and lists those that are not there", async () => {
    await get({ files: ["v1-5-pruned.safetensors", "empty.txt"] });
    expect(await filesThere()).toEqual(["empty.txt", "v1-5-pruned.safetensors"]);
    await expect(get({ files: ["none.safetensors", "README.md"] })).rejects.toThrow(
      /expected none\.safetensors, got README\.md, model_index\.json/,
    );
  });

  it("fetches a model alone", async () => {
    for (const path of [...hub.files.keys()]) hub.files.delete(path);
    hub.files.set("config.json", bytesOf({ _class_name: "AutoencoderKL" }));
    hub.files.set("diffusion_pytorch_model.safetensors", weights(3));
    hub.files.set("other.safetensors", weights(3));
    await get();
    expect(await filesThere()).toEqual(["config.json", "diffusion_pytorch_model.safetensors"]);
  });

  it("refuses pickles before it fetches any, and a repository that is no model", async () => {
    hub.files.delete(UNET);
    hub.files.delete(HALF);
    await expect(get()).rejects.toThrow(/owner\/model\/unet: .*only .*\.bin, pickles.*hint: convert them/s);
    expect(await filesThere()).toEqual(["model_index.json"]);
    hub.files.delete("model_index.json");
    await expect(get()).rejects.toThrow(/a pipeline with model_index.json or a model.*got README.md/s);
  });

  it("reports bytes over all files up to all of them", async () => {
    const reports: HubProgress[] = [];
    await get({ without: ["safety_checker"], onProgress: (progress) => reports.push(progress) });
    const bytes = reports.map((report) => report.bytes);
    expect(bytes).toEqual([...bytes].sort((a, b) => a - b));
    const last = reports.at(-1) as HubProgress;
    expect(last.bytes).toBe(last.total);
    expect(last.total).toBeGreaterThan(800_000);
    expect(reports.filter(({ file }) => file === UNET).length).toBeGreaterThan(2);
  });

  it("does not fetch what is there", async () => {
    await get();
    const before = hub.asked.length;
    await get();
    expect(hub.asked.slice(before)).toEqual([]);
  });

  it("names a branch with slashes, a tag and a commit", async () => {
    for (const revision of ["v1", "refs/pr/1", hub.commit])
      expect((await get({ revision })).commit).toBe(hub.commit);
    expect(await readFile(at("refs", "refs", "pr", "1"), "utf8")).toBe(hub.commit);
    expect((await readdir(at("refs"))).sort()).toEqual(["refs", "v1"]);
  });
});

describe("missingFromHub", () => {
  const missing = (env = {}) =>
    missingFromHub(NAME, { hubUrl: hub.url, env: { HF_HUB_CACHE: cache, ...env } });

  it("lists what would be fetched, and fetches indexes alone", async () => {
    const files = await missing();
    expect(await filesThere()).toEqual(["model_index.json"]);
    const { folder } = await get();
    const fetched = (await filesThere()).filter((path) => path !== "model_index.json");
    expect(files.map(({ path }) => path).sort()).toEqual(fetched);
    for (const { path, size } of files) expect((await readFile(join(folder, path))).length).toBe(size);
  });

  it("lists nothing of what is here, nor where the hub cannot be asked", async () => {
    expect(await missing({ HF_HUB_OFFLINE: "1" })).toEqual([]);
    await get();
    expect(await missing()).toEqual([]);
  });
});

describe("a download that is interrupted", () => {
  it("is gone on with where the connection broke", async () => {
    breakAfter(300_000);
    const { folder } = await get({ without: ["safety_checker"] });
    const large = hub.files.get(UNET) as Uint8Array;
    expect((await readFile(join(folder, UNET))).equals(large)).toBe(true);
    const [whole, rest] = hub.asked.filter((each) => each.startsWith(UNET));
    expect(whole).toBe(`${UNET} whole`);
    expect(rest).toMatch(new RegExp(`bytes=[1-9]\\d*-${large.length - 1}$`));
  });

  it("is given up after tries that bring nothing, and gone on with by the next call", async () => {
    let broken = 0;
    hub.fault = ({ path, response, content }) => {
      if (path !== UNET) return false;
      response.writeHead(200, { "content-length": content.length });
      if (broken++ === 0)
        response.write(content.subarray(0, 500_000), () => setTimeout(() => response.destroy(), 20));
      else response.destroy();
      return true;
    };
    const error = await get({ without: ["safety_checker"] }).catch((error) => error);
    expect(error).toBeInstanceOf(FileError);
    expect(error.message).toMatch(/expected \d+ bytes, got [1-9]\d+, then .*\n.*goes on where it stopped/);
    expect(broken).toBeLessThan(7);
    await expect(readFile(at("refs", "main"))).rejects.toThrow("ENOENT");
    hub.fault = undefined;
    hub.asked.length = 0;
    const { folder } = await get({ without: ["safety_checker"] });
    expect(hub.asked.find((each) => each.startsWith(UNET))).toMatch(/bytes=[1-9]/);
    expect((await readFile(join(folder, UNET))).equals(hub.files.get(UNET) as Uint8Array)).toBe(true);
    expect((await readdir(at("blobs"))).filter((name) => name.includes("incomplete"))).toEqual([]);
  });

  it("of which a wrong part was left is fetched anew, from the start", async () => {
    const large = hub.files.get(UNET) as Uint8Array;
    await mkdir(at("blobs"), { recursive: true });
    await writeFile(at("blobs", `${sha256(large)}.undiffuse.incomplete`), new Uint8Array(1000).fill(7));
    const { folder } = await get({ without: ["safety_checker"] });
    expect((await readFile(join(folder, UNET))).equals(large)).toBe(true);
    expect(hub.asked.filter((each) => each.startsWith(UNET))).toEqual([
      `${UNET} bytes=1000-${large.length - 1}`,
      `${UNET} whole`,
    ]);
  });

  it("of which the cache holds a blob that is too short is gone on with", async () => {
    const large = hub.files.get(UNET) as Uint8Array;
    const { folder } = await get({ without: ["safety_checker"] });
    await truncate(at("blobs", sha256(large)), 5000);
    hub.asked.length = 0;
    await get({ without: ["safety_checker"] });
    expect(hub.asked).toEqual([`${UNET} bytes=5000-${large.length - 1}`]);
    expect((await readFile(join(folder, UNET))).equals(large)).toBe(true);
  });

  it("stops when it is told to, and keeps what it has", async () => {
    const stop = new AbortController();
    const onProgress = ({ file, bytes }: HubProgress) => {
      if (file === UNET && bytes > 1000) stop.abort(new Error("stopped by hand"));
    };
    breakAfter(300_000);
    await expect(get({ signal: stop.signal, onProgress })).rejects.toThrow(FileError);
    expect(hub.asked.filter((each) => each.startsWith(UNET))).toHaveLength(1);
    const kept = (await readdir(at("blobs"))).find((name) => name.includes("incomplete")) as string;
    expect((await lstat(at("blobs", kept))).size).toBeGreaterThan(0);
  });

  it("by two at once gives both the whole file", async () => {
    const [one, other] = await Promise.all([
      get({ without: ["safety_checker"] }),
      get({ without: ["safety_checker"] }),
    ]);
    expect(one).toEqual(other);
    expect((await readFile(join(one.folder, UNET))).equals(hub.files.get(UNET) as Uint8Array)).toBe(true);
  });
});

describe("a hub that lies", () => {
  const sending = (content: Uint8Array) => {
    hub.fault = ({ path, response }) => {
      if (path !== UNET) return false;
      response.writeHead(200, { "content-length": content.length }).end(content);
      return true;
    };
  };

  it("about the content is found out by the hash, after a second try", async () => {
    sending(new Uint8Array((hub.files.get(UNET) as Uint8Array).length));
    await expect(get()).rejects.toThrow(/bytes of hash [0-9a-f]{64}, got [0-9a-f]{64}, twice/);
    expect(hub.asked.filter((each) => each.startsWith(UNET))).toHaveLength(2);
    expect((await readdir(at("blobs"))).filter((name) => name.includes("incomplete"))).toEqual([]);
    expect(await filesThere()).not.toContain(UNET);
  });

  it("about a small file's content is found out too", async () => {
    hub.fault = ({ path, response }) => {
      if (path !== "unet/config.json") return false;
      response.end(new Uint8Array((hub.files.get(path) as Uint8Array).length));
      return true;
    };
    await expect(get()).rejects.toThrow(/unet\/config\.json: expected 29 bytes of hash [0-9a-f]{40},/);
  });

  it("and sends more than it lists is not let write it", async () => {
    sending(new Uint8Array(2_000_000));
    await expect(get()).rejects.toThrow(/expected \d+ bytes, got more/);
  });

  it("and sends less than it lists is asked for the rest in vain", async () => {
    sending((hub.files.get(UNET) as Uint8Array).subarray(0, 0));
    await expect(get()).rejects.toThrow(/got 0, then the connection ended too early/);
  });

  it("about the size is refused before anything of it is fetched", async () => {
    hub.relist = (entry) =>
      entry.path === UNET ? { ...entry, lfs: { ...(entry.lfs as object), size: 77 } } : entry;
    await expect(get()).rejects.toThrow(/expected a file of 77 bytes, as listed, got one of \d+/);
    expect(hub.asked.filter((each) => each.startsWith(UNET))).toEqual([]);
  });

  const strange = {
    "a path out of the cache": { path: "unet/../../../../../out.json" },
    "an absolute path": { path: "/tmp/out.json" },
    "a path of Windows": { path: "C:\\out.json" },
    "a hash that is a path": { oid: "../../../out" },
    "no hash": { oid: undefined },
    "a negative size": { size: -1 },
    "a size that is no number": { size: "9" },
  };
  it.each(Object.entries(strange))(
    "and lists %s is refused before anything is written",
    async (_, change) => {
      hub.relist = (entry) => (entry.path === "README.md" ? { ...entry, ...change } : entry);
      await expect(get()).rejects.toThrow(FileError);
      expect(await readdir(cache)).toEqual([]);
    },
  );

  it("and names a commit that is a path is refused", async () => {
    Object.assign(hub, { commit: "../../out" });
    await expect(get()).rejects.toThrow('a commit from the hub, got "../../out"');
  });

  it("and asks for more than the disk holds is refused with the sizes", async () => {
    hub.relist = (entry) =>
      entry.path === UNET ? { ...entry, lfs: { ...(entry.lfs as object), size: 2 ** 52 } } : entry;
    await expect(get()).rejects.toThrow(
      /expected room for 4503599\d+ bytes, got \d+\n {2}hint: free some space/,
    );
  });
});

describe("access", () => {
  it("is asked for with a token from the option, the environment or the file of `hf auth login`", async () => {
    hub.token = "hf_secret";
    await expect(get()).rejects.toThrow(
      /open to you, got none of this name, or no access \(401\)\n.*set HF_TOKEN/,
    );
    await expect(get({}, { HF_TOKEN: "hf_other" })).rejects.toThrow(/ask for access at .*owner\/model/);
    await get({ token: "hf_secret" });
    await get({}, { HF_TOKEN: "hf_secret" });
    await writeFile(join(cache, "token"), "hf_secret\n");
    await get({}, { HF_HOME: cache });
    expect(await readdir(cache)).toContain("models--owner--model");
  });

  it("never sends the token to where large files lie", async () => {
    hub.token = "hf_secret";
    await get({ token: "hf_secret" });
    expect(hub.elsewhere.length).toBeGreaterThan(1);
    expect(new Set(hub.elsewhere)).toEqual(new Set([undefined]));
  });

  it("tells a name or revision that does not exist from one that is none", async () => {
    await expect(
      fetchFromHub("owner/other", { hubUrl: hub.url, env: { HF_HUB_CACHE: cache } }),
    ).rejects.toThrow("owner/other: expected a model of revision main, got none (404)");
    await expect(get({ revision: "v9" })).rejects.toThrow("a model of revision v9, got none (404)");
    for (const name of ["", "a/b/c", "../x", "a/..", "/a", "a b/c", "a--b/c", "a\\b"])
      await expect(fetchFromHub(name, { env: { HF_HUB_CACHE: cache } })).rejects.toThrow(ArgumentError);
    for (const revision of ["", "..", "../../x", "/etc", "a//b"])
      await expect(get({ revision })).rejects.toThrow(ArgumentError);
    await expect(get({ token: "secret" })).rejects.toThrow(/a token that starts with hf_, got another/);
  });
});

describe("without the hub", () => {
  it("gives what is in the cache and says why", async () => {
    const { folder, commit } = await get();
    expect(await get({}, { HF_HUB_OFFLINE: "1" })).toEqual({
      folder,
      commit,
      cachedBecause: "HF_HUB_OFFLINE is set",
    });
    hub.status = 503;
    expect((await get()).cachedBecause).toBe("the hub answers 503");
    expect(await get({ hubUrl: "http://127.0.0.1:9" })).toMatchObject({
      folder,
      cachedBecause: expect.stringMatching(/^the hub cannot be reached \(.+\)$/),
    });
  });

  it("says what the cache lacks", async () => {
    await expect(get({}, { HF_HUB_OFFLINE: "1" })).rejects.toThrow(
      /revision main in the cache, as HF_HUB_OFFLINE is set, got nothing in .*snapshots/,
    );
    await get({ without: ["safety_checker"] });
    await expect(get({ variant: "fp16" }, { HF_HUB_OFFLINE: "1" })).rejects.toThrow(
      /unet: expected weights of variant fp16 as safetensors in the cache, as HF_HUB_OFFLINE is set, got weights without/,
    );
    await expect(get({ revision: "v1" }, { HF_HUB_OFFLINE: "yes" })).rejects.toThrow(
      /revision v1 in the cache/,
    );
    await expect(get({ hubUrl: "http://127.0.0.1:9", revision: "v1" })).rejects.toThrow(
      /the hub cannot be reached/,
    );
  });

  it("does not give a snapshot whose blob is gone", async () => {
    await get({ without: ["safety_checker"] });
    await rm(at("blobs", sha256(hub.files.get(UNET) as Uint8Array)));
    await expect(get({ without: ["safety_checker"] }, { HF_HUB_OFFLINE: "1" })).rejects.toThrow(
      /unet: expected weights/,
    );
  });
});

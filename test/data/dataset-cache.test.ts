import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { cached, cacheKey } from "../../src/data/dataset-cache.ts";
import { defaultCacheFolder, makeDataset } from "../../src/data/index.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cache-"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

const dataset = makeDataset({
  name: "two",
  images: NDArray.of([1, 2, 3, 4], [2, 1, 1, 2], "uint8"),
  labels: NDArray.of([1, 0], [2], "int32"),
  classes: ["кот", "dog"],
  skipped: [{ path: "x.png", reason: "broken" }],
});
const make = vi.fn(async () => dataset);
beforeEach(() => make.mockClear());

describe("cached", () => {
  it("makes a data set once and gives the same back", async () => {
    const inside = join(folder, "deep", "er");
    expect(await cached(inside, "key", make)).toEqual(dataset);
    expect(await cached(inside, "key", make)).toEqual(dataset);
    expect(make).toHaveBeenCalledTimes(1);
    expect(await readdir(inside)).toEqual(["key.safetensors"]);
  });

  it("keeps a data set without labels", async () => {
    const plain = makeDataset({ ...dataset, labels: null, classes: null });
    await cached(folder, "key", async () => plain);
    expect(await cached(folder, "key", make)).toEqual(plain);
    expect(make).not.toHaveBeenCalled();
  });

  it("keeps captions and what lies around images", async () => {
    const more = makeDataset({
      ...dataset,
      captions: ["a cat", "собака"],
      uncropped: NDArray.of([0, 1, 2, 0, 3, 4], [2, 1, 1, 3], "uint8"),
    });
    await cached(folder, "key", async () => more);
    expect(await cached(folder, "key", make)).toEqual(more);
    expect(make).not.toHaveBeenCalled();
  });

  it("keeps parts until the whole is stored, and makes each once", async () => {
    const part = vi.fn(async () => makeDataset({ ...dataset, name: "part" }));
    const fail = async () => {
      throw new Error("crash");
    };
    await expect(
      cached(folder, "key", async (keep) => {
        await keep("one", part);
        return keep("two", fail);
      }),
    ).rejects.toThrow("crash");
    expect(await readdir(folder)).toEqual(["one.safetensors"]);
    await cached(folder, "key", async (keep) => {
      expect((await keep("one", part)).name).toBe("part");
      await keep("two", part);
      return dataset;
    });
    expect(part).toHaveBeenCalledTimes(2);
    expect(await readdir(folder)).toEqual(["key.safetensors"]);
  });

  it("keeps parts when the whole cannot be stored", async () => {
    vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    await mkdir(join(folder, "key.safetensors"));
    await cached(folder, "key", async (keep) => keep("one", make));
    expect((await readdir(folder)).toSorted()).toEqual(["key.safetensors", "one.safetensors"]);
  });

  it("makes anew what is damaged in any byte or cut anywhere, and mends the file", async () => {
    await cached(folder, "key", make);
    const path = join(folder, "key.safetensors");
    const whole = await readFile(path);
    const damaged = [...whole.keys()].map((i) => {
      const bytes = Buffer.from(whole);
      bytes[i] = (bytes[i] as number) ^ 1;
      return bytes;
    });
    for (const bytes of [...damaged, whole.subarray(0, -1), Buffer.alloc(0)]) {
      make.mockClear();
      await writeFile(path, bytes);
      expect(await cached(folder, "key", make)).toEqual(dataset);
      // A change that JSON does not carry (one kind of space for another) leaves nothing to mend.
      if (make.mock.calls.length) expect(await readFile(path)).toEqual(whole);
    }
    expect(make).toHaveBeenCalledTimes(1);
  });

  it("works without a folder that can be written, and says so", async () => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const file = join(folder, "file");
    await writeFile(file, "");
    expect(await cached(join(file, "inside"), "key", (keep) => keep("part", make))).toEqual(dataset);
    expect(warn.mock.calls.map(([text]) => text)).toEqual([expect.stringMatching(/not cached/)]);
  });

  it("passes a failure on and stores nothing", async () => {
    await expect(cached(folder, "key", () => Promise.reject(new Error("no images")))).rejects.toThrow(
      "no images",
    );
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("cacheKey", () => {
  it("differs with every source", () => {
    const keys = [cacheKey("a", "b"), cacheKey("ab"), cacheKey("a", ["b"]), cacheKey("a", "b", null)];
    expect(new Set(keys).size).toBe(4);
    expect(cacheKey("a", "b")).toBe(keys[0]);
  });
});

describe("defaultCacheFolder", () => {
  it("lies in XDG_CACHE_HOME, or in .cache of the home folder", () => {
    vi.stubEnv("XDG_CACHE_HOME", "/somewhere");
    expect(defaultCacheFolder()).toBe(join("/somewhere", "undiffuse"));
    vi.stubEnv("XDG_CACHE_HOME", undefined);
    expect(defaultCacheFolder()).toBe(join(homedir(), ".cache", "undiffuse"));
  });
});

import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileError, NDArray } from "../../src/base/index.ts";
import { openSharded, type ReadProgress, writeSafetensors } from "../../src/formats/index.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sharded-"));
});
afterEach(() => rm(folder, { recursive: true }));

const shard = (path: string, names: readonly string[]) =>
  writeFile(
    join(folder, path),
    writeSafetensors(new Map(names.map((name, i) => [name, NDArray.of([i, names.length])])), {
      [path]: "here",
    }),
  );
const index = async (value: unknown): Promise<string> => {
  const path = join(folder, "model.safetensors.index.json");
  await writeFile(path, typeof value === "string" ? value : JSON.stringify(value));
  return path;
};
const both = { weight_map: { a: "1.safetensors", b: "1.safetensors", c: "2.safetensors" } };

describe("openSharded", () => {
  beforeEach(async () => {
    await shard("1.safetensors", ["a", "b"]);
    await shard("2.safetensors", ["c"]);
  });

  it("reads the tensors of all files as one source", async () => {
    const source = await openSharded(await index({ metadata: { total_size: 24 }, ...both }));
    expect([...source.tensors].map(([name, { path }]) => [name, path.slice(folder.length + 1)])).toEqual([
      ["a", "1.safetensors"],
      ["b", "1.safetensors"],
      ["c", "2.safetensors"],
    ]);
    expect(source.metadata).toEqual({ "1.safetensors": "here", "2.safetensors": "here" });
    expect(await source.read("b")).toEqual(NDArray.of([1, 2]));
    const reports: ReadProgress[] = [];
    const all = await source.readAll((progress) => reports.push(progress));
    expect([...all].map(([name, { data }]) => [name, ...data])).toEqual([
      ["a", 0, 2],
      ["b", 1, 2],
      ["c", 0, 1],
    ]);
    expect(reports.map(({ bytes, total }) => `${bytes}/${total}`)).toEqual(["8/24", "16/24", "24/24"]);
    await expect(source.read("d")).rejects.toThrow('index.json: expected tensor "d", got none of that name');
    await source.close();
    await expect(source.read("c")).rejects.toThrow(FileError);
  });

  it("follows links out of the folder, as Python's cache is made of them", async () => {
    await mkdir(join(folder, "blobs"));
    await shard("blobs/0f", ["c"]);
    await rm(join(folder, "2.safetensors"));
    await symlink("blobs/0f", join(folder, "2.safetensors"));
    const source = await openSharded(await index(both));
    expect(await source.read("c")).toEqual(NDArray.of([0, 1]));
    await source.close();
  });

  it("lists every tensor that is not in the file that the index says", async () => {
    const weight_map = { ...both.weight_map, b: "2.safetensors", x: "1.safetensors" };
    await expect(openSharded(await index({ weight_map }))).rejects.toThrow(
      "index.json: expected every tensor in the file that the index says, got none in it of b (2.safetensors), x (1.safetensors)",
    );
  });

  it("lists every tensor of the files that the index does not name there", async () => {
    await shard("2.safetensors", ["c", "a", "z"]);
    await expect(openSharded(await index(both))).rejects.toThrow(
      /got also a \(2.safetensors\), z \(2.safetensors\)/,
    );
  });

  it("refuses a file that is missing or cut short, and names it", async () => {
    const path = await index(both);
    await rm(join(folder, "2.safetensors"));
    await expect(openSharded(path)).rejects.toThrow(/2\.safetensors: expected a readable .* got ENOENT/);
    await writeFile(join(folder, "2.safetensors"), new Uint8Array(3));
    await expect(openSharded(path)).rejects.toThrow(/2\.safetensors.*\n.*interrupted download/);
  });

  // The file outside is there and whole: only its name is wrong.
  const outside = [
    "../out.safetensors",
    "/tmp/out.safetensors",
    "..",
    ".",
    "",
    "a/../../out.safetensors",
    "sub/in",
    "..\\out",
    "C:out",
    "a\u0000b",
  ];
  it.each(outside)("refuses to look for a tensor in %j", async (name) => {
    await shard("../out.safetensors", ["a"]);
    await expect(openSharded(await index({ weight_map: { a: name } }))).rejects.toThrow(
      `tensor "a" in a file of its own folder, got ${JSON.stringify(name)}`,
    );
    await rm(join(folder, "../out.safetensors"));
  });

  const strange: Record<string, unknown> = {
    "no JSON": "{",
    "an empty file": "",
    "an array": [],
    "brackets nested deeply": "[".repeat(1_000_000),
    "no weight_map": { metadata: {} },
    "a weight_map that is an array": { weight_map: ["1.safetensors"] },
    "a weight_map that is null": { weight_map: null },
    "a file that is a number": { weight_map: { a: 1 } },
    "a file that is an object": { weight_map: { a: { toString: "1.safetensors" } } },
    "a tensor named __proto__": '{"weight_map":{"__proto__":"1.safetensors"}}',
    "a prototype for the map": '{"__proto__":{"weight_map":{}},"weight_map":{}}',
  };
  it.each(Object.entries(strange))("refuses an index that is %s", async (_, value) => {
    await expect(openSharded(await index(value))).rejects.toThrow(FileError);
  });

  it("takes names that objects inherit for plain names", async () => {
    await shard("3.safetensors", ["constructor", "toString"]);
    const weight_map = { constructor: "3.safetensors", toString: "3.safetensors" };
    const source = await openSharded(await index({ weight_map }));
    expect(await source.read("toString")).toEqual(NDArray.of([1, 2]));
    await expect(source.read("valueOf")).rejects.toThrow(FileError);
    await source.close();
  });
});

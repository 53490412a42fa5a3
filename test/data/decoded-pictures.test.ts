import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FileError, NDArray } from "../../src/base/index.ts";
import { openImageFolder } from "../../src/data/index.ts";
import { encodePng } from "../../src/formats/index.ts";
import { loader } from "../loader.mjs";

/** As many pictures as are stored together. */
const PART = 256;

let root: string;
let folder: string;
let cacheFolder: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "parts-"));
  folder = join(root, "pictures");
  cacheFolder = join(root, "cache");
});
afterEach(() => rm(root, { recursive: true }));

/** Pictures in two classes, in an order that their levels show; the third is damaged. */
const fill = async (count: number) => {
  const levels = Array.from({ length: 200 }, (_, level) => NDArray.full([1, 4, 4], level, "uint8"));
  const pictures = await Promise.all(levels.map((image) => encodePng(image)));
  for (const name of ["a", "b"]) await mkdir(join(folder, name), { recursive: true });
  for (let i = 0; i < count; i++) await writeFile(pathOf(i, count), pictures[i % 200] as Uint8Array);
  await writeFile(pathOf(2, count), (pictures[2] as Uint8Array).subarray(0, 50));
};

const pathOf = (i: number, count: number): string =>
  join(folder, i < count / 2 ? "a" : "b", `${String(i).padStart(4, "0")}.png`);

const open = (onProgress = vi.fn(), cache = cacheFolder) =>
  openImageFolder(folder, { size: 4, channels: 1, classes: "folders", cacheFolder: cache, onProgress });

/** Opens the folder in a process of its own, which dies when so many pictures are decoded. */
const openUntilKilled = async (count: number) => {
  const script = fileURLToPath(new URL("decode-until-killed.ts", import.meta.url));
  const child = spawn(process.execPath, [...loader, script, folder, cacheFolder, String(count)], {
    stdio: "inherit",
  });
  const [, signal] = await once(child, "exit");
  expect(signal).toBe("SIGKILL");
};

const stored = async (): Promise<string[]> =>
  (await readdir(cacheFolder)).filter((name) => name.endsWith(".safetensors"));

describe("decoding that was killed", () => {
  const COUNT = 2 * PART + 88;

  it("goes on where it was, gives the same data set, and leaves one file", async () => {
    await fill(COUNT);
    await openUntilKilled(2 * PART + 10);
    expect((await stored()).length).toBe(2);
    const onProgress = vi.fn();
    const continued = await open(onProgress);
    const steps = onProgress.mock.calls.map(([done]) => done);
    expect(steps).toEqual([PART, ...Array.from({ length: 89 }, (_, i) => 2 * PART + i)]);
    expect((await stored()).length).toBe(1);

    const whole = await open(vi.fn(), join(root, "other cache"));
    expect(continued).toEqual(whole);
    expect(whole.images.shape[0]).toBe(COUNT - 1);
    expect(whole.skipped.map(({ path }) => path)).toEqual(["a/0002.png"]);
    const [name = ""] = await stored();
    expect(await readFile(join(cacheFolder, name))).toEqual(await readFile(join(root, "other cache", name)));
  });

  it("decodes a part again that is damaged, and those whose pictures changed", async () => {
    await fill(COUNT);
    await openUntilKilled(2 * PART + 1);
    const whole = await open(vi.fn(), join(root, "other cache"));
    const names = await stored();
    await cp(cacheFolder, join(root, "copy"), { recursive: true });
    for (const name of names) {
      await rm(cacheFolder, { recursive: true });
      await cp(join(root, "copy"), cacheFolder, { recursive: true });
      const bytes = await readFile(join(cacheFolder, name));
      bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
      await writeFile(join(cacheFolder, name), bytes);
      const onProgress = vi.fn();
      expect(await open(onProgress)).toEqual(whole);
      expect(onProgress).toHaveBeenCalledTimes(1 + PART + 88);
    }
    await rm(cacheFolder, { recursive: true });
    await cp(join(root, "copy"), cacheFolder, { recursive: true });
    await writeFile(pathOf(PART, COUNT), await encodePng(NDArray.full([1, 4, 4], 251, "uint8")));
    const onProgress = vi.fn();
    const changed = await open(onProgress);
    expect(onProgress).toHaveBeenCalledTimes(1 + PART + 88);
    expect(changed.images.row(PART - 1).data[0]).toBe(251);
  });
});

describe("a folder that changes while it is decoded", () => {
  const COUNT = PART + 10;
  /** Acts on the last picture while the first part is decoded, which is before the last is read. */
  const meanwhile = (act: (path: string) => void) => (done: number) => {
    if (done <= PART) act(pathOf(COUNT - 1, COUNT));
  };

  it.each([
    ["vanished", (path: string) => rmSync(path, { force: true })],
    ["changed", (path: string) => writeFileSync(path, "no picture any more")],
  ] as const)("is listed again when a picture has %s, and nothing of before is kept", async (_, act) => {
    await fill(COUNT);
    const dataset = await open(vi.fn(meanwhile(act)));
    expect(dataset.images.shape[0]).toBe(COUNT - 2);
    expect(dataset).toEqual(await open(vi.fn(), join(root, "other cache")));
    expect(dataset).toEqual(await open());
  });

  it("is refused when it never stays as it is", async () => {
    await fill(COUNT);
    const picture = await encodePng(NDArray.zeros([1, 4, 4], "uint8"));
    let count = 0;
    const change = (path: string) =>
      writeFileSync(path, Buffer.concat([picture, Buffer.from(String(count++))]));
    const failure = await open(vi.fn(meanwhile(change))).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(FileError);
    expect(String(failure)).toMatch(/0265\.png: expected the picture that was there .*, got another content/);
  });
});

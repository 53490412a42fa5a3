import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FileError, NonFiniteError } from "../../src/base/index.ts";
import { writeFolderWhole, writeWhole } from "../../src/formats/index.ts";

vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof import("node:fs/promises")>();
  return { ...fs, open: vi.fn(fs.open) };
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "atomic-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** The next file opened takes half of what is written to it, then the disk is full. */
const fillDisk = async () => {
  const { open: realOpen } = await vi.importActual<typeof import("node:fs/promises")>("node:fs/promises");
  vi.mocked(open).mockImplementationOnce(async (path, flags) => {
    const file = await realOpen(path, flags);
    file.writeFile = async (content) => {
      await file.write((content as Uint8Array).subarray(0, 3));
      throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    };
    return file;
  });
};

describe("writeWhole", () => {
  it("writes bytes and text, and replaces what was there", async () => {
    const path = join(folder, "file");
    await writeWhole(path, "первый");
    expect(await readFile(path, "utf8")).toBe("первый");
    await writeWhole(path, Uint8Array.of(0, 255));
    expect([...(await readFile(path))]).toEqual([0, 255]);
    expect(await readdir(folder)).toEqual(["file"]);
  });

  it("leaves the old content and nothing else when the disk fills up half-way", async () => {
    const path = join(folder, "file");
    await writeWhole(path, "old");
    await fillDisk();
    const failure = await writeWhole(path, new Uint8Array(6)).catch((error) => error);
    expect(failure).toBeInstanceOf(FileError);
    expect(failure.path).toBe(path);
    expect(failure.message).toMatch(
      /to write 6 bytes, got no space left .*ENOSPC.*\n {2}hint: free some space/s,
    );
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(["file"]);
  });

  it("says that the folder does not exist", async () => {
    const path = join(folder, "none", "file");
    await expect(writeWhole(path, "text")).rejects.toThrow("its folder does not exist (ENOENT)");
  });

  it("does not replace a folder", async () => {
    const path = join(folder, "taken");
    await mkdir(path);
    await writeFile(join(path, "inside"), "kept");
    await expect(writeWhole(path, "text")).rejects.toThrow(FileError);
    expect(await readFile(join(path, "inside"), "utf8")).toBe("kept");
    expect(await readdir(folder)).toEqual(["taken"]);
  });

  it("lets the last of several writers at once win, whole", async () => {
    const path = join(folder, "file");
    const contents = Array.from({ length: 8 }, (_, i) => String(i).repeat(10_000));
    await Promise.all(contents.map((content) => writeWhole(path, content)));
    expect(contents).toContain(await readFile(path, "utf8"));
    expect(await readdir(folder)).toEqual(["file"]);
  });

  it("writes parts one after another, and nothing when one of them fails", async () => {
    const path = join(folder, "file");
    await writeWhole(path, [Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3)]);
    expect([...(await readFile(path))]).toEqual([1, 2, 3]);
    const failing = (function* () {
      yield Uint8Array.of(9);
      throw new RangeError("no second part");
    })();
    await expect(writeWhole(path, failing)).rejects.toThrow("expected to write it whole, got no second part");
    expect([...(await readFile(path))]).toEqual([1, 2, 3]);
    expect(await readdir(folder)).toEqual(["file"]);
  });
});

describe("writeFolderWhole", () => {
  const fill = async (inside: string) => {
    await mkdir(join(inside, "deep"));
    await writeWhole(join(inside, "deep", "file"), "text");
  };

  it("makes a folder with all that was written into it", async () => {
    await writeFolderWhole(join(folder, "new"), fill);
    expect(await readFile(join(folder, "new", "deep", "file"), "utf8")).toBe("text");
    expect(await readdir(folder)).toEqual(["new"]);
  });

  it("takes an empty folder, and refuses one that holds something before any work", async () => {
    const path = join(folder, "taken");
    await mkdir(path);
    await writeFolderWhole(path, fill);
    const again = vi.fn(fill);
    await expect(writeFolderWhole(path, again)).rejects.toThrow("an empty folder, got one that holds deep");
    expect(again).not.toHaveBeenCalled();
    await writeFile(join(folder, "file"), "kept");
    await expect(writeFolderWhole(join(folder, "file"), fill)).rejects.toThrow(
      /an empty folder, got ENOTDIR/,
    );
    expect(await readFile(join(folder, "file"), "utf8")).toBe("kept");
  });

  it("leaves nothing when it fails half-way, and names the file by where it would have been", async () => {
    const path = join(folder, "new");
    const failure = await writeFolderWhole(path, async (inside) => {
      await fill(inside);
      await fillDisk();
      await writeWhole(join(inside, "deep", "large"), new Uint8Array(6));
    }).catch((error) => error);
    expect(failure).toBeInstanceOf(FileError);
    expect(failure.path).toBe(join(path, "deep", "large"));
    expect(failure.message).toMatch(/new\/deep\/large: expected to write 6 bytes, got no space left/);
    expect(await readdir(folder)).toEqual([]);
  });

  it("leaves an error of ours as it is", async () => {
    const error = new NonFiniteError({ who: "weights", expected: "numbers", got: "NaN" });
    await expect(writeFolderWhole(join(folder, "new"), () => Promise.reject(error))).rejects.toBe(error);
    expect(await readdir(folder)).toEqual([]);
  });
});

import { mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FileError } from "../../src/base/index.ts";
import { writeWhole } from "../../src/formats/index.ts";

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
});

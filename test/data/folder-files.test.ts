import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileError } from "../../src/base/index.ts";
import { listFiles } from "../../src/data/folder-files.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "files-"));
});
afterEach(() => rm(folder, { recursive: true }));

const put = async (...paths: string[]) => {
  for (const path of paths) {
    await mkdir(join(folder, path, ".."), { recursive: true });
    await writeFile(join(folder, path), path);
  }
};

describe("listFiles", () => {
  it("lists files of all folders in one order everywhere, without hidden ones", async () => {
    await put("b.png", "a/2.png", "a/10.png", "B.png", "a/deep/er/x", ".hidden", ".git/config", "я.png");
    const { files, skipped } = await listFiles(folder);
    expect(files).toEqual(["B.png", "a/10.png", "a/2.png", "a/deep/er/x", "b.png", "я.png"]);
    expect(skipped).toEqual([]);
  });

  it("ends where links make loops, and visits a linked folder once", async () => {
    await put("a/1", "b/2");
    await symlink(folder, join(folder, "a", "loop"));
    await symlink(join(folder, "b"), join(folder, "a", "other"));
    await symlink(join(folder, "a"), join(folder, "b", "back"));
    expect((await listFiles(folder)).files).toEqual(["a/1", "a/other/2"]);
  });

  it("follows links to files, and lists those that lead nowhere", async () => {
    await put("real");
    await symlink(join(folder, "real"), join(folder, "link"));
    await symlink(join(folder, "gone"), join(folder, "broken"));
    await symlink("self", join(folder, "self"));
    const { files, skipped } = await listFiles(folder);
    expect(files).toEqual(["link", "real"]);
    expect(skipped).toEqual([
      { path: "broken", reason: "nothing of this name" },
      { path: "self", reason: "a link that leads to itself" },
    ]);
  });

  it.skipIf(process.getuid?.() === 0)("lists a folder that may not be read", async () => {
    await put("closed/file");
    await chmod(join(folder, "closed"), 0);
    expect((await listFiles(folder)).skipped).toEqual([
      { path: "closed", reason: "no permission to read it" },
    ]);
    await chmod(join(folder, "closed"), 0o700);
  });

  it("refuses a folder that is missing or a file", async () => {
    await put("file");
    await expect(listFiles(join(folder, "none"))).rejects.toThrow(FileError);
    await expect(listFiles(join(folder, "none"))).rejects.toThrow(
      /none: expected a folder of images, got nothing/,
    );
    await expect(listFiles(join(folder, "file"))).rejects.toThrow(/got a file/);
  });
});

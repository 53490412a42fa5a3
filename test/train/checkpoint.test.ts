import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { FileError, NDArray } from "../../src/base/index.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/index.ts";
import { newestCheckpoint, readCheckpoint } from "../../src/train/index.ts";
import { temporaryFolder } from "../cli/program.ts";
import { eventsOf, lastOf, toyJob } from "./toy.ts";

let whole: string;
beforeAll(async () => {
  whole = lastOf(await eventsOf(await toyJob({ training: { steps: 2 } })), "finished").path;
});

type Content = ReturnType<typeof readSafetensors>;

/** The checkpoint with a change; gives its path. */
const changed = async (change: (content: Content) => void): Promise<string> => {
  const content = readSafetensors(await readFile(whole));
  change(content);
  const path = join(await temporaryFolder(), "0000002.safetensors");
  await writeFile(path, writeSafetensors(content.tensors, content.metadata));
  return path;
};
const withHeader = (change: (header: Record<string, unknown>) => void) =>
  changed(({ metadata }) => {
    const header = JSON.parse(metadata.undiffuse as string);
    change(header);
    Object.assign(metadata, { undiffuse: JSON.stringify(header) });
  });
const withBytes = async (change: (bytes: Buffer) => Buffer): Promise<string> => {
  const path = join(await temporaryFolder(), "0000002.safetensors");
  await writeFile(path, change(await readFile(whole)));
  return path;
};

describe("readCheckpoint", () => {
  it("reads what a training wrote", async () => {
    expect((await readCheckpoint(whole)).header).toMatchObject({ step: 2, updateSteps: [2], classes: null });
  });

  it.each([
    ["cut short", () => withBytes((bytes) => bytes.subarray(0, -1)), /data of \d+ bytes/],
    ["cut within its header", () => withBytes((bytes) => bytes.subarray(0, 50)), /a header of \d+ bytes/],
    ["empty", () => withBytes(() => Buffer.alloc(0)), /8 bytes/],
    ["of other bytes", () => withBytes((bytes) => bytes.fill(0x5a)), /a header of at most/],
    [
      "without its header",
      () => changed(({ metadata }) => delete (metadata as Record<string, string>).undiffuse),
      /without its header/,
    ],
    [
      "with a header that is no JSON",
      () => changed(({ metadata }) => Object.assign(metadata, { undiffuse: "{" })),
      /header as JSON/,
    ],
    [
      "with null for a header",
      () => changed(({ metadata }) => Object.assign(metadata, { undiffuse: "null" })),
      /checkpoint format 1, got format undefined/,
    ],
    ["of a later format", () => withHeader((header) => Object.assign(header, { format: 2 })), /got format 2/],
    [
      "without its random streams and with half a step",
      () => withHeader((header) => Object.assign(header, { streams: undefined, step: 1.5 })),
      /whole header, got something else in step, streams/,
    ],
    [
      "with NaN among its weights",
      () => changed(({ tensors }) => tensors.set("model.net.weight", NDArray.full([1, 1, 2, 2], Number.NaN))),
      /NaN or infinity in model\.net\.weight/,
    ],
  ])("refuses a file %s", async (_, make, pattern) => {
    const path = await make();
    const error = await readCheckpoint(path).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(FileError);
    expect((error as FileError).path).toBe(path);
    expect((error as Error).message).toMatch(pattern);
  });
});

describe("newestCheckpoint", () => {
  it("passes over every damaged one, whatever the damage", async () => {
    const folder = await temporaryFolder();
    await copyFile(whole, join(folder, "0000001.safetensors"));
    await copyFile(await withBytes((bytes) => bytes.subarray(0, 60)), join(folder, "0000002.safetensors"));
    await copyFile(
      await withHeader((header) => Object.assign(header, { streams: null })),
      join(folder, "0000003.safetensors"),
    );
    const { checkpoint, damaged } = await newestCheckpoint(folder);
    expect(checkpoint?.path).toMatch(/0000001/);
    expect(damaged.map(({ path }) => path.slice(-19, -12))).toEqual(["0000003", "0000002"]);
  });
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { beforeEach, describe, expect, it } from "vitest";
import { FileError, NonFiniteError } from "../../src/base/index.ts";
import { train } from "../../src/train/index.ts";
import { lockRunFolder } from "../../src/train/lock.ts";
import { type RunFolder, runFolder } from "../../src/train/run-folder.ts";
import { temporaryFolder } from "../cli/program.ts";
import { eventsOf, toyJob, toyStage } from "./toy.ts";

let folder: RunFolder;
beforeEach(async () => {
  folder = runFolder(await temporaryFolder());
});

const write = (holder: object) => writeFile(folder.lock, JSON.stringify(holder));
const since = "2026-01-01T00:00:00.000Z";

/** The number of a process that has just ended. */
const deadProcess = async (): Promise<number> => {
  const child = spawn(process.execPath, ["-e", ""]);
  await once(child, "exit");
  return child.pid as number;
};

describe("lockRunFolder", () => {
  it("refuses a folder that a living process holds, names it, and gives way when it lets go", async () => {
    const unlock = await lockRunFolder(folder);
    const error = await lockRunFolder(folder).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(FileError);
    expect((error as Error).message).toMatch(
      new RegExp(
        `no other training uses, got process ${process.pid} on .* since 20.*\\n  hint: .*lock\\.json`,
      ),
    );
    await unlock();
    expect(await readdir(folder.path)).toEqual([]);
    await (await lockRunFolder(folder))();
  });

  it("takes over the lock of a dead process", async () => {
    await write({ host: hostname(), pid: await deadProcess(), started: "1", since });
    const unlock = await lockRunFolder(folder);
    expect(JSON.parse(await readFile(folder.lock, "utf8")).pid).toBe(process.pid);
    await unlock();
    expect(await readdir(folder.path)).toEqual([]);
  });

  it.runIf(process.platform === "linux")(
    "takes over the lock of a process whose number another now has",
    async () => {
      await write({ host: hostname(), pid: process.ppid, started: "1", since });
      await (await lockRunFolder(folder))();
    },
  );

  it("does not judge a process of another machine", async () => {
    await write({ host: `not-${hostname()}`, pid: await deadProcess(), started: "1", since });
    await expect(lockRunFolder(folder)).rejects.toThrow(/on not-.*if it runs no more, delete/s);
  });

  it.each(["", '{"host":"a","pi', "null", '{"pid":0}'])(
    "takes over a lock that was cut short: %j",
    async (text) => {
      await writeFile(folder.lock, text);
      await (await lockRunFolder(folder))();
      expect(await readdir(folder.path)).toEqual([]);
    },
  );

  it("lets one of many that find a stale lock have it", async () => {
    await write({ host: hostname(), pid: await deadProcess(), started: "1", since });
    const tries = await Promise.allSettled(Array.from({ length: 100 }, () => lockRunFolder(folder)));
    expect(tries.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await readdir(folder.path)).toEqual(["lock.json"]);
  });

  it("takes over where another died while taking over", async () => {
    await write({ host: hostname(), pid: await deadProcess(), started: "1", since });
    const takeover = `${folder.lock}.takeover`;
    await writeFile(takeover, "");
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(takeover, longAgo, longAgo);
    const release = await lockRunFolder(folder);
    await release();
    expect(await readdir(folder.path)).toEqual([]);
  });

  it("says what is wrong with a folder that it cannot write to", async () => {
    await rm(folder.path, { recursive: true });
    await expect(lockRunFolder(folder)).rejects.toThrow(FileError);
  });
});

describe("train", () => {
  it("refuses a folder in which a training goes on, and leaves that alone", async () => {
    const job = await toyJob();
    const resumed = await toyJob({ folder: job.folder, resume: true });
    const refused: unknown[] = [];
    for await (const { kind, step } of train(job))
      if (kind === "step" && (step === 2 || step === 6))
        refused.push(
          await eventsOf(step === 2 ? await toyJob({ folder: job.folder }) : resumed).catch((e) => e),
        );
    expect(refused).toHaveLength(2);
    for (const error of refused) expect((error as Error).message).toMatch(/no other training uses/);
    expect(await readdir(job.folder)).not.toContain("lock.json");
  });

  it("lets the folder go when it fails", async () => {
    const stage = toyStage({ poisoned: () => true });
    const job = await toyJob({ stage, training: { maxSkips: 1 } });
    await expect(eventsOf(job)).rejects.toThrow(NonFiniteError);
    expect(await readdir(job.folder)).not.toContain("lock.json");
  });
});

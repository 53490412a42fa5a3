import { appendFile, open } from "node:fs/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { FileError } from "../../src/base/index.ts";
import { listCheckpoints, runFolder, train } from "../../src/train/index.ts";
import { eventsOf, lastOf, numbersOf, toyJob } from "./toy.ts";

vi.mock("node:fs/promises", async (original) => {
  const fs = await original<typeof import("node:fs/promises")>();
  return { ...fs, open: vi.fn(fs.open), appendFile: vi.fn(fs.appendFile) };
});
afterEach(() => {
  vi.restoreAllMocks();
});

const noSpace = () => Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });

/** New files take a few bytes, then the disk is full. */
const refuseSaves = async () => {
  const real = await vi.importActual<typeof import("node:fs/promises")>("node:fs/promises");
  vi.mocked(open).mockImplementation(async (path, flags) => {
    const file = await real.open(path, flags);
    file.writeFile = async (content) => {
      await file.write((content as Uint8Array).subarray(0, 100));
      throw noSpace();
    };
    return file;
  });
};
const refuseAppends = async () => {
  vi.mocked(appendFile).mockRejectedValue(noSpace());
};

describe("train on a disk that fills up", () => {
  it.each([
    ["a checkpoint is saved", refuseSaves, /checkpoints.0000008\.safetensors: expected to write \d+ bytes/],
    ["a line is added", refuseAppends, /(metrics\.jsonl|tfevents.*): expected to write \d+ bytes/],
  ])(
    "says so as %s, and resumes from the checkpoint before as if nothing had happened",
    async (_, fill, who) => {
      const whole = lastOf(await eventsOf(await toyJob()), "finished").path;
      const job = await toyJob();
      const error = await (async () => {
        for await (const { kind } of train(job)) if (kind === "checkpoint") await fill();
      })().catch((cause: unknown) => cause);
      vi.mocked(open).mockReset();
      vi.mocked(appendFile).mockReset();
      expect(error).toBeInstanceOf(FileError);
      expect((error as Error).message).toMatch(who);
      expect((error as Error).message).toMatch(
        /no space left on the device \(ENOSPC\)\n {2}hint: free some space/,
      );
      const { checkpoints } = runFolder(job.folder);
      expect((await listCheckpoints(checkpoints)).map((path) => path.slice(-19))).toEqual([
        "0000004.safetensors",
      ]);
      const resumed = await eventsOf(await toyJob({ folder: job.folder, resume: true }));
      expect(lastOf(resumed, "started")).toMatchObject({ step: 4, damaged: [] });
      expect(await numbersOf(lastOf(resumed, "finished").path)).toEqual(await numbersOf(whole));
    },
  );
});

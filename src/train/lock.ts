import { readFile, rm, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { FileError } from "../base/index.ts";
import { createFile } from "../formats/index.ts";
import type { RunFolder } from "./run-folder.ts";

/** Who uses a run's folder. A process's number is given again after its death, so its start is kept too. */
const holderSchema = z.object({
  host: z.string(),
  pid: z.int().positive(),
  /** As the system counts it; null where it does not say. */
  started: z.string().nullable(),
  since: z.string(),
});
type Holder = z.output<typeof holderSchema>;

/** Milliseconds within which a lock just made has its content. */
const WRITING_MS = 200;

/**
 * Takes a run's folder for this process; gives what lets it go. The lock of a dead process is taken over.
 * @throws FileError when a living process holds the folder, or one of another machine, which cannot be asked
 */
export const lockRunFolder = async ({ path, lock }: RunFolder): Promise<() => Promise<void>> => {
  const { pid } = process;
  const own: Holder = {
    host: hostname(),
    pid,
    started: (await processStat(pid))?.started ?? null,
    since: new Date().toISOString(),
  };
  while (!(await createFile(lock, `${JSON.stringify(own)}\n`))) {
    const holder = await readHolder(lock);
    if (holder && (await isAlive(holder)))
      throw new FileError(path, {
        expected: "a folder that no other training uses",
        got: `process ${holder.pid} on ${holder.host} training there since ${holder.since}`,
        hint: `wait until it ends, or train in another folder; if it runs no more, delete ${lock}`,
      });
    await removeStale(lock, holder);
  }
  return () => rm(lock, { force: true });
};

/** Null when there is none, or none that reads whole: its maker died while it wrote. */
const readHolder = async (lock: string): Promise<Holder | null> => {
  for (const wait of [0, WRITING_MS]) {
    await pause(wait);
    const text = await readFile(lock, "utf8").catch(() => "");
    const holder = holderSchema.safeParse(parseJson(text));
    if (holder.success) return holder.data;
  }
  return null;
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};

const isAlive = async ({ host, pid, started }: Holder): Promise<boolean> => {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0); // asks only
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  const found = await processStat(pid);
  return found === null || (found.started === started && found.state !== "Z");
};

/** What Linux says of a process (proc_pid_stat(5), fields 3 and 22); null elsewhere. */
const processStat = async (pid: number): Promise<{ state: string; started: string } | null> => {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  if (text === null) return null;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" "); // the name before may hold anything
  return { state: fields[0] ?? "", started: fields[19] ?? "" };
};

/** Milliseconds after which a takeover counts as given up: its maker died in it. */
const ABANDONED_MS = 10_000;

/**
 * Removes a stale lock, by one process at a time: whoever holds the takeover looks again, so that a lock made since then
 * stays. The others come back.
 */
const removeStale = async (lock: string, stale: Holder | null): Promise<void> => {
  const takeover = `${lock}.takeover`;
  if (!(await createFile(takeover, ""))) {
    const made = await stat(takeover).then(
      ({ mtimeMs }) => mtimeMs,
      () => Date.now(),
    );
    if (Date.now() - made > ABANDONED_MS) await rm(takeover, { force: true });
    else await pause(10);
    return;
  }
  try {
    if (isDeepStrictEqual(await readHolder(lock), stale)) await rm(lock, { force: true });
  } finally {
    await rm(takeover, { force: true });
  }
};

import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tinyRecipe } from "../tiny-recipe.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

const program = join(root, "dist/cli/main.js");

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * The built command line as a process of its own; `watch` sees standard error as it grows, `started` the
 * process before anything else.
 */
export const undiffuse = (
  words: readonly string[],
  watch: (stderr: string, child: ChildProcess) => void = () => undefined,
  started: (child: ChildProcess) => void = () => undefined,
): Promise<Outcome> => {
  const child = spawn(process.execPath, [program, ...words], { cwd: root });
  started(child);
  return outcomeOf(child, watch);
};

/** The same where no file may grow beyond `blocks` of 512 bytes. */
export const limitedUndiffuse = (blocks: number, words: readonly string[]): Promise<Outcome> => {
  const line = `ulimit -f ${blocks} && exec "$@"`;
  return outcomeOf(spawn("sh", ["-c", line, "sh", process.execPath, program, ...words], { cwd: root }));
};

const outcomeOf = (
  child: ChildProcessWithoutNullStreams,
  watch: (stderr: string, child: ChildProcess) => void = () => undefined,
): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
      watch(stderr, child);
    });
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });

/** Sends the signal once, when standard error first matches. */
export const signalWhen = (pattern: RegExp, signal: NodeJS.Signals) => {
  let sent = false;
  return (stderr: string, child: ChildProcess): void => {
    if (sent || !pattern.test(stderr)) return;
    sent = true;
    child.kill(signal);
  };
};

export const temporaryFolder = (): Promise<string> => mkdtemp(join(tmpdir(), "undiffuse-cli-"));

/** Writes the tiny recipe; gives the path of its file. */
export const writeTinyRecipe = async (folder: string, training: object = {}): Promise<string> => {
  const path = join(folder, "tiny.json");
  await writeFile(path, JSON.stringify(tinyRecipe(training)));
  return path;
};

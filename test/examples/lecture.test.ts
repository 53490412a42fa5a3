import { execFile } from "node:child_process";
import { access, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

test("the lecture's code prints what the page says", async () => {
  const run = promisify(execFile)(process.execPath, [`${root}tools/lecture.mjs`, "--check"], { cwd: root });
  await expect(run).resolves.toMatchObject({ stderr: "" });
});

test("the lecture's pictures and the files that it names are there", async () => {
  const page = await readFile(`${root}docs/lecture.md`, "utf8");
  const targets = [...page.matchAll(/\]\(([^)#:]+)/g)].map(([, target]) => target as string);
  expect(targets.length).toBeGreaterThan(10);
  for (const target of targets)
    await expect(access(`${root}docs/${target}`), target).resolves.toBeUndefined();
});

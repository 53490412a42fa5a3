import { readFile } from "node:fs/promises";
import { vi } from "vitest";
import { runProgram } from "../../../src/cli/command.ts";
import { explainGroup } from "../../../src/cli/explain.ts";
import { readPngText } from "../../../src/formats/index.ts";

/** `undiffuse explain` in this process: its exit code and what it writes. */
export const explain = async (words: readonly string[]) => {
  const said = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((chunk) => {
      said[name] += chunk;
      return true;
    }),
  );
  const program = { name: "undiffuse", summary: "", version: "0" };
  const code = await runProgram(program, { explain: async () => explainGroup }, ["explain", ...words]);
  for (const spy of spies) spy.mockRestore();
  return { code, ...said };
};

/** The SVG that a picture's command writes; fails when it does not. */
export const drawn = async (out: string, words: readonly string[]): Promise<string> => {
  const { code, stderr } = await explain([...words, "--out", out]);
  if (code !== 0) throw new Error(stderr);
  return readFile(out, "utf8");
};

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"' };

/** What a picture says of how it was made. */
export const madeBy = async (
  path: string,
): Promise<{ readonly version: string; readonly command: string }> => {
  const text = path.endsWith(".png")
    ? readPngText(await readFile(path)).get("undiffuse")
    : /<metadata>([^<]*)<\/metadata>/.exec(await readFile(path, "utf8"))?.[1];
  return JSON.parse((text ?? "null").replace(/&(amp|lt|gt|quot);/g, (_, name) => entities[name] as string));
};

/** How many dots each plane of a picture has, in order. */
export const dotsIn = (svg: string): number[] =>
  svg
    .replace(/data:[^"]*/g, "")
    .split('overflow="hidden">')
    .slice(1)
    .map((plane) => (plane.split("</svg>")[0] ?? "").match(/h0/g)?.length ?? 0);

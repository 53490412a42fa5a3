import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { defineCommand, exitCodes, runProgram } from "../../src/cli/command.ts";

const told: string[] = [];
beforeEach(() => {
  told.length = 0;
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, "write").mockImplementation((text) => told.push(String(text)) > 0);
});
afterEach(() => vi.restoreAllMocks());

const program = { name: "program", summary: "Does things", version: "1.2.3" };
const part = (name: string, run = vi.fn(async () => undefined)) =>
  vi.fn(async () =>
    defineCommand({ name, summary: `${name}s`, arguments: {}, options: {}, examples: [], run }),
  );

describe("a program's parts", () => {
  it("are loaded when they are named, and no others", async () => {
    const run = vi.fn(async () => undefined);
    const [wash, dry] = [part("wash", run), part("dry")];
    expect(await runProgram(program, { wash, dry }, ["wash"])).toBe(exitCodes.done);
    expect(run).toHaveBeenCalledOnce();
    expect(dry).not.toHaveBeenCalled();
  });

  it("are none of them loaded for the version", async () => {
    const wash = part("wash");
    for (const word of ["-v", "--version"])
      expect(await runProgram(program, { wash }, [word])).toBe(exitCodes.done);
    expect(told.join("")).toBe("1.2.3\n1.2.3\n");
    expect(wash).not.toHaveBeenCalled();
  });

  it.each([["--help"], ["-h"]])("are all listed for %s", async (word) => {
    const parts = { wash: part("wash"), dry: part("dry") };
    expect(await runProgram(program, parts, [word])).toBe(exitCodes.done);
    expect(told.join("")).toMatch(/wash +washs[\s\S]*dry +drys/);
  });

  it.each([["wahs"], ["constructor"]])("are suggested for a word that is none: %s", async (word) => {
    const parts = { wash: part("wash") };
    expect(await runProgram(program, parts, [word])).toBe(exitCodes.usage);
    expect(told.join("")).toMatch(/unknown command/);
  });
});

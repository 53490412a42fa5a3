import { readFile } from "node:fs/promises";
import { readProvenance } from "../provenance.ts";
import { row, summarise } from "./row.ts";

/** A picture that undiffuse made: the command that makes it again. @throws FileError for another picture */
export const describeImage = async (path: string): Promise<string[]> => {
  const made = readProvenance(path, await readFile(path));
  return [
    row(
      "made by",
      `undiffuse ${made.version}${made.system ? `, ${made.system} after ${made.step} steps` : ""}`,
    ),
    row("command", made.command),
    ...(made.seed === undefined ? [] : [row("seed", made.seed)]),
    ...(made.classes ? [row("classes", summarise(made.classes))] : []),
    ...(made.sampling === undefined ? [] : [row("sampling", JSON.stringify(made.sampling))]),
  ];
};

import { z } from "zod";
import { FileError } from "../base/index.ts";
import { readPngText } from "../formats/index.ts";
import { version } from "./version.ts";

/** PNG keyword under which an image says where it came from. */
const KEYWORD = "undiffuse";

const schema = z.object({
  version: z.string(),
  /** The command that makes the file again. */
  command: z.string(),
  /** What generated images say beyond that. */
  system: z.string().optional(),
  /** Training steps behind the model. */
  step: z.int().optional(),
  seed: z.int().optional(),
  /** Class names, one an image. */
  classes: z.array(z.string()).optional(),
  sampling: z.unknown().optional(),
});
/** Where an image came from. */
export type Provenance = z.output<typeof schema>;

/** PNG texts that carry a provenance. */
export const provenanceText = (facts: Omit<Provenance, "version">): Record<string, string> => ({
  Software: `undiffuse ${version}`,
  [KEYWORD]: JSON.stringify({ version, ...facts }),
});

/** The provenance of PNG bytes. @throws FileError when it has none */
export const readProvenance = (path: string, png: Uint8Array): Provenance => {
  const found = readPngText(png).get(KEYWORD);
  const parsed = schema.safeParse(found === undefined ? undefined : JSON.parse(found));
  if (parsed.success) return parsed.data;
  throw new FileError(path, { expected: "an image that undiffuse made", got: "a PNG without its metadata" });
};

/** Words as they would be typed in a shell. */
export const shellLine = (words: readonly string[]): string =>
  words
    .map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");

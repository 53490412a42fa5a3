import { extname } from "node:path";
import { escapeXml, svgToPng, writePngText, writeWhole } from "../../formats/index.ts";
import { UsageError } from "../command.ts";
import { version } from "../version.ts";

/** A drawing, and what there is to read in it, a line each. */
export interface Picture {
  /** An SVG document with a title. */
  readonly svg: string;
  readonly readings?: readonly string[];
}

/** How a drawing becomes a file that carries the command behind it. */
type Writer = (svg: string, made: string) => string | Promise<Uint8Array>;

const writers: Readonly<Record<string, Writer>> = {
  ".svg": (svg, made) => svg.replace("</title>", (end) => `${end}\n<metadata>${escapeXml(made)}</metadata>`),
  ".png": async (svg, made) =>
    writePngText(await svgToPng(svg), { Software: `undiffuse ${version}`, undiffuse: made }),
};
const writerOf = (path: string): Writer | undefined => writers[extname(path).toLowerCase()];

/** What `--out` may be. @throws UsageError before any work is done */
export const checkPicturePath = (path: string): void => {
  if (writerOf(path)) return;
  throw new UsageError({ who: "--out", expected: "a file that ends in .svg or .png", got: `"${path}"` });
};

/** Writes a picture as its name asks, with the command that makes it again, and says so. */
export const writePicture = async (
  path: string,
  { svg, readings = [] }: Picture,
  command: string,
): Promise<void> => {
  const write = writerOf(path) as Writer;
  await writeWhole(path, await write(svg, JSON.stringify({ version, command })));
  process.stdout.write([path, ...readings].map((line) => `${line}\n`).join(""));
};

import { extname } from "node:path";
import { svgToPng, writeWhole } from "../../formats/index.ts";
import { UsageError } from "../command.ts";

const writers: Readonly<Record<string, (svg: string) => Promise<string | Uint8Array>>> = {
  ".svg": async (svg) => svg,
  ".png": svgToPng,
};

/** What `--out` may be. @throws UsageError before any work is done */
export const checkPicturePath = (path: string): void => {
  if (!(extname(path).toLowerCase() in writers))
    throw new UsageError({ who: "--out", expected: "a file that ends in .svg or .png", got: `"${path}"` });
};

/** Writes a picture as its name asks, and says so. */
export const writePicture = async (path: string, svg: string): Promise<void> => {
  checkPicturePath(path);
  const write = writers[extname(path).toLowerCase()] as (svg: string) => Promise<string | Uint8Array>;
  await writeWhole(path, await write(svg));
  process.stdout.write(`${path}\n`);
};

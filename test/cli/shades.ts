import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { NDArray } from "../../src/base/index.ts";
import { encodePng } from "../../src/formats/index.ts";
import { patterns } from "../evaluation/patterns.ts";
import { undiffuse, writeTinyRecipe } from "./program.ts";

/** Writes images uint8 [n, c, h, w] as pictures of a folder. */
export const writePictures = async (folder: string, images: NDArray): Promise<string> => {
  await mkdir(folder, { recursive: true });
  for (const [i, image] of images.split().entries())
    await writeFile(join(folder, `${String(i).padStart(3, "0")}.png`), await encodePng(image));
  return folder;
};

/** Trains a run of seconds on 60 grey pictures 16×16 of two classes, and a network that tells these apart. */
export const trainShades = async (
  folder: string,
  { run, features }: { readonly run: string; readonly features: string },
): Promise<void> => {
  const { images, labels } = patterns(60, { side: 16 });
  const ofClass = (wanted: number) =>
    NDArray.stack(images.split().filter((_, i) => labels?.data[i] === wanted));
  await writePictures(join(folder, "shades", "dark"), ofClass(0));
  await writePictures(join(folder, "shades", "bright"), ofClass(1));
  const path = await writeTinyRecipe(folder, { steps: 3, heldOut: 0.2 });
  const recipe = JSON.parse(await readFile(path, "utf8"));
  const data = { kind: "folder", path: join(folder, "shades"), size: 16, channels: 1, classes: "folders" };
  await writeFile(path, JSON.stringify({ ...recipe, data }));
  const made = await Promise.all([
    undiffuse(["train", path, "--out", run]),
    undiffuse(["classifier", path, "--steps", "3", "--batch", "8", "--out", features]),
  ]);
  for (const { code, stderr } of made) if (code !== 0) throw new Error(stderr);
};

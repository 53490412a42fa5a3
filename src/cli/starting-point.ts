import { readFile } from "node:fs/promises";
import { FileError, Generator, NDArray } from "../base/index.ts";
import { readSafetensors } from "../formats/index.ts";
import { initialNoise, type Start, slerp } from "../samplers/index.ts";
import type { Trained } from "../systems/index.ts";
import { integer, text, UsageError } from "./command.ts";
import { readImage, readMask } from "./picture-input.ts";
import { strength } from "./strength-option.ts";

/** Options that say what to begin with. */
export const startOptions = {
  from: text("begin with this picture instead of noise", { value: "image" }),
  strength: strength("how much of the path to walk from it: 1 forgets it (default: 0.6, with a mask 1)"),
  mask: text("paint only where this picture is white, keep the rest, bit for bit where black", {
    value: "image",
  }),
  repaint: integer("walk each stretch of the path so often, so that the painted fits the kept", {
    least: 1,
    fallback: 1,
  }),
  latent: text("begin with what undiffuse invert wrote (without guidance unless told)", { value: "file" }),
  interpolate: text("a row between two seeds, or two pictures, whose noise is found first (as --latent)", {
    value: "a,b",
  }),
} as const;

export interface StartChoice {
  readonly from?: string | undefined;
  readonly strength?: number | undefined;
  readonly mask?: string | undefined;
  readonly repaint: number;
  readonly latent?: string | undefined;
  readonly interpolate?: string | undefined;
}

/** The words that choose this beginning again. */
export const startWords = ({ from, strength, mask, repaint, latent, interpolate }: StartChoice) => ({
  ...(from !== undefined && { from }),
  ...(strength !== undefined && { strength }),
  ...(mask !== undefined && { mask }),
  ...(repaint > 1 && { repaint }),
  ...(latent !== undefined && { latent }),
  ...(interpolate !== undefined && { interpolate }),
});

/** What images `first` … `first + n` begin with. */
export type StartOf = (first: number, n: number) => Start;

const isSeed = (word: string): boolean => /^\d+$/.test(word.trim());

/** Whether noise found behind pictures is where this begins: what exaggerates does not lead back to them. */
export const isInverted = ({ latent, interpolate }: StartChoice): boolean =>
  latent !== undefined || (interpolate !== undefined && !interpolate.split(",").every(isSeed));

/**
 * The beginning that was chosen.
 * @throws UsageError for options that exclude one another
 */
export const chosenStart = async (
  model: Trained,
  choice: StartChoice,
  { count, label }: { readonly count: number; readonly label: number | undefined },
): Promise<StartOf> => {
  const { from, mask, strength, repaint, latent, interpolate } = choice;
  const given = Object.entries({ from, latent, interpolate }).filter(([, value]) => value !== undefined);
  if (given.length > 1)
    throw new UsageError({
      who: `--${given[1]?.[0]}`,
      expected: `no --${given[0]?.[0]} beside it`,
      got: "both",
    });
  for (const [name, value] of Object.entries({ mask, strength, repaint: repaint > 1 ? repaint : undefined }))
    if (value !== undefined && (from === undefined || (name === "repaint" && mask === undefined)))
      throw new UsageError({
        who: `--${name}`,
        expected: name === "repaint" ? "a --mask" : "a picture, --from",
        got: "none",
      });
  if (from !== undefined) return fromPicture(model, from, { mask, strength, repaint });
  if (latent !== undefined) return fromLatent(latent);
  if (interpolate !== undefined) return between(model, interpolate, { count, label });
  return () => ({ kind: "noise" });
};

const repeated = (image: NDArray, n: number): NDArray =>
  NDArray.stack(Array.from({ length: n }, () => image));

const fromPicture = async (
  model: Trained,
  path: string,
  { mask, strength, repaint }: { mask: string | undefined; strength: number | undefined; repaint: number },
): Promise<StartOf> => {
  const image = await readImage(model, path);
  if (mask === undefined)
    return (_, n) => ({ kind: "image", image: repeated(image, n), strength: strength ?? 0.6 });
  const free = await readMask(model, mask, path);
  return (_, n) => ({
    kind: "inpaint",
    image: repeated(image, n),
    mask: free,
    strength: strength ?? 1,
    resamplings: repaint,
  });
};

const fromLatent = async (path: string): Promise<StartOf> => {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    const got = error.code === "ENOENT" ? "no such file" : error.message;
    throw new FileError(path, { expected: "what undiffuse invert wrote", got }, { cause: error });
  });
  const x = readSafetensors(bytes, path).tensors.get("x");
  if (!x) throw new UsageError({ who: "--latent", expected: "what undiffuse invert wrote", got: path });
  return (_, n) => ({ kind: "given", x: repeated(x.row(0), n) });
};

/** Equal shares of the way from one code to the other. */
const between = async (
  model: Trained,
  words: string,
  { count, label }: { readonly count: number; readonly label: number | undefined },
): Promise<StartOf> => {
  const names = words.split(",").map((word) => word.trim());
  if (names.length !== 2 || names.includes(""))
    throw new UsageError({
      who: "--interpolate",
      expected: "two seeds or two pictures, a,b",
      got: `"${words}"`,
    });
  const codes = await Promise.all(names.map((name) => codeOf(model, name, label)));
  const [a, b] = codes as [NDArray, NDArray];
  const share = (k: number) => (count === 1 ? 0.5 : k / (count - 1));
  const rows = Array.from({ length: count }, (_, k) => slerp(a, b, share(k)));
  return (first, n) => ({ kind: "given", x: NDArray.concat(rows.slice(first, first + n)) });
};

const codeOf = async (model: Trained, name: string, label: number | undefined): Promise<NDArray> => {
  const { image } = model.checkpoint.header;
  if (isSeed(name)) return initialNoise([new Generator(Number(name))], image);
  const labels = label === undefined ? undefined : [label];
  return model.invert((await readImage(model, name)).reshape([1, ...image]), { labels });
};

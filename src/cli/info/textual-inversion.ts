import type { NDArray } from "../../base/index.ts";
import type { Shapes } from "../../formats/index.ts";
import { textualInversion, textualInversionBase } from "../../pipelines/index.ts";
import { row, showCount } from "./row.ts";

const encoders = { clip_l: "text_encoder", clip_g: "text_encoder_2" } as const;

/** Whether a file seems to be of words: one table that is named as no layer is, or one for each of XL's encoders. */
export const isTextualInversion = (tensors: Shapes): boolean => {
  const names = [...tensors.keys()];
  if (names.length > 0 && names.every((name) => Object.hasOwn(encoders, name))) return true;
  const [only = ""] = names;
  return names.length === 1 && !only.includes(".") && [1, 2].includes(tensors.get(only)?.shape.length ?? 0);
};

/** A new word of a text encoder. @throws FileError for numbers that are not finite */
export const describeTextualInversion = (path: string, tensors: ReadonlyMap<string, NDArray>): string[] => {
  const named = Object.entries(encoders).filter(([name]) => tensors.has(name));
  const parts = named.length ? named.map(([, part]) => part) : (["text_encoder"] as const);
  const words = parts.map((part) => ({ part, ...textualInversion(tensors, { name: path, part }) }));
  return [
    row("kind", "a textual inversion"),
    row("word", words[0]?.token),
    ...words.map(({ part, vectors: { shape } }) => {
      const [count = 0, width = 0] = shape;
      const base = textualInversionBase(width) ?? "a base that is not known";
      return row(named.length ? part : "base", `${showCount(count, "vector")} of ${width}: ${base}`);
    }),
    row("to use", `undiffuse generate … --embedding ${path}`),
  ];
};

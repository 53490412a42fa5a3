import type { NDArray } from "../base/index.ts";

/** What pictures are made from beside a text. Pictures are [1, 3, h, w] in [-1, 1]. */
export type Source =
  /** A picture that is noised by the last `strength` of the path, above 0 and at most 1. */
  | { readonly kind: "image"; readonly image: NDArray; readonly strength: number }
  /** A picture of which the mask, [1, 1, h, w], is painted anew: 1 where it is free, 0 where it stays. */
  | { readonly kind: "inpaint"; readonly image: NDArray; readonly mask: NDArray; readonly strength: number }
  /** A small picture, noised to this timestep of the process that the network was trained to see it in. */
  | { readonly kind: "upscale"; readonly image: NDArray; readonly noiseLevel: number }
  /** A picture that stands in place of a text. */
  | { readonly kind: "variation"; readonly image: NDArray };
export type SourceKind = Source["kind"];

/** What each stands for, in words. */
export const sourceWords: Readonly<Record<SourceKind, string>> = {
  image: "a picture",
  inpaint: "a picture and a mask",
  upscale: "a small picture to enlarge",
  variation: "a picture to vary",
};

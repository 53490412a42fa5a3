import { ArgumentError } from "../base/index.ts";
import type { PictureRequest } from "./request.ts";

/** Of the pictures that a model was trained to make, in pixels, and what sides are multiples of. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
  readonly multiple: number;
}

/** A model's own size, from that of its latents. */
export const ownSize = (sample: number | readonly number[] | null, multiple: number): PictureSize => {
  const [height, width] = typeof sample === "number" ? [sample, sample] : (sample ?? [64, 64]);
  return { width: (width as number) * multiple, height: (height as number) * multiple, multiple };
};

/** That of the picture to begin with, or what is asked for. @throws ArgumentError for what latents do not fill */
export const chosenSize = (
  { width, height, source }: PictureRequest,
  own: PictureSize,
): { readonly width: number; readonly height: number } => {
  const [, , rows, columns] =
    source && source.kind !== "variation"
      ? source.image.shape.map((n) => (source.kind === "upscale" ? n * own.multiple : n))
      : [];
  const chosen = { width: width ?? columns ?? own.width, height: height ?? rows ?? own.height };
  for (const [side, pixels] of Object.entries(chosen)) {
    if (!(pixels > 0 && pixels % own.multiple === 0))
      throw new ArgumentError({
        who: side,
        expected: `a multiple of ${own.multiple} pixels`,
        got: String(pixels),
        hint: `take ${Math.max(own.multiple, Math.round(pixels / own.multiple) * own.multiple)}`,
      });
  }
  if ((rows ?? chosen.height) !== chosen.height || (columns ?? chosen.width) !== chosen.width)
    throw new ArgumentError({
      who: "picture",
      expected: `${chosen.width}×${chosen.height} pixels, as asked for`,
      got: `${columns}×${rows}`,
    });
  return chosen;
};

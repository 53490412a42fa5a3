import type { NDArray } from "../base/index.ts";
import { toUnit } from "../data/index.ts";
import { decodeImage, pictureSize } from "../formats/index.ts";
import type { Pipeline, Source } from "../pipelines/index.ts";
import { UsageError } from "./command.ts";

/** What was said of a picture to begin with. */
export interface PictureChoice {
  readonly from?: string | undefined;
  readonly strength?: number | undefined;
  readonly mask?: string | undefined;
  readonly noiseLevel: number;
  readonly size?: { readonly width: number; readonly height: number } | undefined;
}

/**
 * What a model begins with: which of its ways follows from what it can, and from whether there is a mask.
 * @throws UsageError for what it cannot, or options that want a picture or a mask
 */
export const pictureSource = async (
  { sources, size: { multiple } }: Pick<Pipeline, "sources" | "size">,
  { from, strength, mask, noiseLevel, size }: PictureChoice,
): Promise<Source | undefined> => {
  if (from === undefined) {
    const option = mask !== undefined ? "--mask" : strength !== undefined ? "--strength" : undefined;
    if (option || !sources.includes("none"))
      throw new UsageError({ who: option ?? "this model", expected: "a picture, --from", got: "none" });
    return undefined;
  }
  const kind = (
    mask === undefined ? (["upscale", "variation", "image"] as const) : (["inpaint"] as const)
  ).find((each) => sources.includes(each));
  if (!kind)
    throw new UsageError({
      who: mask === undefined ? "--from" : "--mask",
      expected: `what this model begins with: ${sources.join(", ")}`,
      got: mask === undefined ? "a picture alone" : "a mask",
    });
  const own = await pictureSize(from);
  if (kind === "upscale") return { kind, image: await decoded(from, own, 3), noiseLevel };
  if (kind === "variation") return { kind, image: await decoded(from, own, 3) };
  const fitted = size ?? { width: down(own.width, multiple), height: down(own.height, multiple) };
  const image = await decoded(from, fitted, 3);
  if (kind === "image") return { kind, image, strength: strength ?? 0.8 };
  const drawn = await pictureSize(mask as string);
  if (drawn.width !== own.width || drawn.height !== own.height)
    throw new UsageError({
      who: "--mask",
      expected: `the picture's ${own.width}×${own.height} pixels`,
      got: `${drawn.width}×${drawn.height}`,
    });
  const free = (await decoded(mask as string, fitted, 1)).add(1).div(2);
  return { kind, image, mask: free.clamp(0, 1), strength: strength ?? 1 };
};

const down = (pixels: number, multiple: number): number =>
  Math.max(multiple, Math.floor(pixels / multiple) * multiple);

/** [1, channels, h, w] in [-1, 1]; cut in the middle where the shape differs. */
const decoded = async (
  path: string,
  { width, height }: { readonly width: number; readonly height: number },
  channels: 1 | 3,
): Promise<NDArray> => {
  // A filter that overshoots would leave nothing of a mask quite black.
  const filter = channels === 1 ? "bilinear" : "lanczos3";
  const pixels = await decodeImage(path, { size: [height, width], channels, filter });
  return toUnit(pixels).reshape([1, channels, height, width]);
};

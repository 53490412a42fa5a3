import type { NDArray } from "../base/index.ts";
import { type DataSpec, toUnit } from "../data/index.ts";
import { type DecodeOptions, decodeImage, pictureSize } from "../formats/index.ts";
import type { Trained } from "../systems/index.ts";
import { UsageError } from "./command.ts";

type Preparation = Pick<DecodeOptions, "filter" | "background" | "fit">;

/** How each kind of data cuts, fills and resizes its pictures. */
const preparations: {
  readonly [Kind in DataSpec["kind"]]: (spec: Extract<DataSpec, { kind: Kind }>) => Preparation;
} = {
  digits: () => ({ filter: "mitchell" }),
  idx: () => ({ filter: "mitchell" }),
  emoji: ({ background }) => ({ background }),
  folder: ({ filter, background, fit }) => ({ filter, background, fit }),
  density: () => refused("points"),
  heartbeat: () => refused("bits"),
};
const refused = (form: string): never => {
  throw new UsageError({
    who: "a picture",
    expected: "a model of pictures to begin with one",
    got: `one of ${form}`,
  });
};
const preparationOf = <Kind extends DataSpec["kind"]>(spec: Extract<DataSpec, { kind: Kind }>): Preparation =>
  preparations[spec.kind as Kind](spec);

/** A picture as the model's own kind of image, [c, h, w] in [-1, 1], prepared as those that it learned from. */
export const readImage = async ({ recipe, checkpoint }: Trained, path: string): Promise<NDArray> => {
  const [channels, ...size] = checkpoint.header.image;
  const prepared = { ...preparationOf(recipe.data), size, channels: channels === 1 ? 1 : 3 } as const;
  return toUnit(await decodeImage(path, prepared));
};

/**
 * A mask, [1, 1, h, w]: 1 where it is white. It is cut as its picture is, unless it is of the model's own size; an edge
 * that falls between pixels blends.
 * @throws UsageError when it is of neither size
 */
export const readMask = async (
  { recipe, checkpoint }: Trained,
  mask: string,
  picture: string,
): Promise<NDArray> => {
  const [, height, width] = checkpoint.header.image;
  const [found, wanted] = await Promise.all([pictureSize(mask), pictureSize(picture)]);
  const same = (h: number, w: number) => found.height === h && found.width === w;
  if (!same(wanted.height, wanted.width) && !same(height, width))
    throw new UsageError({
      who: "--mask",
      expected: `the picture's ${wanted.width}×${wanted.height} pixels or the model's ${width}×${height}`,
      got: `${found.width}×${found.height}`,
    });
  // Bilinear, since a filter that overshoots would leave nothing quite black; what pads is kept.
  const { fit = "crop" } = preparationOf(recipe.data);
  const decoding = {
    fit,
    filter: "bilinear",
    background: "#000000",
    size: [height, width],
    channels: 1,
  } as const;
  const levels = await decodeImage(mask, decoding);
  return levels.map((level) => level / 255).reshape([1, 1, height, width]);
};

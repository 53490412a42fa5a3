import { FileError } from "../base/index.ts";

/** What a file's header says of its samples, in sharp's words. */
export interface PictureSamples {
  readonly space: string;
  readonly depth: string;
  readonly channels: number;
}

/** Samples a pixel without alpha by colour space; each may have alpha beside them. */
const colours: Readonly<Record<string, number>> = {
  "b-w": 1,
  grey16: 1,
  srgb: 3,
  rgb16: 3,
  lab: 3,
  labs: 3,
  cmyk: 4,
};
/** Decoded to floating point or signed numbers of a range that the colour space fixes. */
const ranged = ["lab", "labs"];

/**
 * Lets a picture pass whose samples have one meaning as colours. Signed, 32-bit and floating-point samples,
 * which TIFF can hold, come without a range to show them in, and further channels without a meaning.
 * @throws FileError for the others
 */
export const checkSamples = (name: string, { space, depth, channels }: PictureSamples): void => {
  const count = colours[space];
  if (!ranged.includes(space) && depth !== "uchar" && depth !== "ushort")
    throw new FileError(name, {
      expected: "samples of at most 16 bits, without sign",
      got: `${depth} in ${space}`,
      hint: "convert the picture to 8 bits a sample",
    });
  if (count === undefined || (channels !== count && channels !== count + 1))
    throw new FileError(name, {
      expected: "grey, RGB, Lab or CMYK, with alpha or without",
      got: `${channels} ${channels === 1 ? "channel" : "channels"} of ${space}`,
    });
};

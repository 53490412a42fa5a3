import { join } from "node:path";
import { ArgumentError, NDArray, ShapeError } from "../../base/index.ts";
import { listFiles, openImageFolder } from "../../data/index.ts";
import { pictureSize, type Size } from "../../formats/index.ts";

/** The pictures of a folder as they are, uint8 [n, c, h, w], and how large they are. */
export interface Pictures {
  readonly images: NDArray;
  readonly size: Size;
  /** Files that are no pictures. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

/** Sizes of all pictures of a folder by path; other files are passed over, and opening the folder says why. */
const measured = async (folder: string): Promise<Map<string, Size>> => {
  const found = new Map<string, Size>();
  for (const path of (await listFiles(folder)).files) {
    const size = await pictureSize(join(folder, path)).catch(() => null);
    if (size) found.set(path, size);
  }
  return found;
};

/** @throws ShapeError for pictures of several sizes */
export const folderSize = async (folder: string): Promise<Size> => {
  const sizes = await measured(folder);
  const [first] = sizes.values();
  if (!first) throw new ArgumentError({ who: folder, expected: "pictures to evaluate", got: "none" });
  for (const [path, { height, width }] of sizes)
    if (height !== first.height || width !== first.width)
      throw new ShapeError({
        who: folder,
        expected: `pictures of one size, ${first.height}×${first.width} as the first`,
        got: `${height}×${width} in ${path}`,
        hint: "samples are judged as they are, pixel by pixel: write them in the size of the reference",
      });
  return first;
};

/**
 * Every picture of a folder of one size, in the order of paths.
 * @throws ShapeError for pictures of another size, or in colour where grey ones are asked for
 */
export const readPictures = async (folder: string, image: readonly number[]): Promise<Pictures> => {
  const size = await folderSize(folder);
  const [channels, height = 0, width = 0] = image;
  if (size.height !== height || size.width !== width)
    throw new ShapeError({
      who: folder,
      expected: `pictures of the reference's ${height}×${width} pixels`,
      got: `${size.height}×${size.width}`,
      hint: "--size makes a reference folder as large as the samples",
    });
  // In colour, so that what is not grey is seen; every pixel stays as it is.
  const { images, skipped } = await openImageFolder(folder, { size: [height, width], channels: 3 });
  return { images: channels === 1 ? greyOf(folder, images) : images, size, skipped };
};

/** The one channel of grey pictures [n, 3, h, w]. */
const greyOf = (folder: string, images: NDArray): NDArray => {
  const [n = 0, , h = 0, w = 0] = images.shape;
  const out = NDArray.zeros([n, 1, h, w], "uint8");
  const plane = h * w;
  for (let k = 0; k < n; k++)
    for (let i = 0; i < plane; i++) {
      const [r, g, b] = [0, 1, 2].map((c) => images.data[(3 * k + c) * plane + i]);
      if (r !== g || g !== b)
        throw new ShapeError({
          who: folder,
          expected: "grey pictures, as the reference's are",
          got: `colour in picture ${k + 1}`,
        });
      out.data[k * plane + i] = r as number;
    }
  return out;
};

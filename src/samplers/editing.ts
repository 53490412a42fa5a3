import { ArgumentError, NDArray, ShapeError, sameShape, showShape } from "../base/index.ts";
import { type Level, qSample } from "../diffusion/index.ts";
import type { Projection } from "./driver.ts";

/**
 * The rest of a path for an image that is to keep part of itself: the last `strength` of its steps, at least one, as
 * diffusers' image-to-image pipelines take (Meng et al. 2022, SDEdit).
 * @throws ArgumentError for a strength outside (0, 1]
 */
export const pathOfStrength = (levels: readonly Level[], strength: number): Level[] => {
  if (!(strength > 0 && strength <= 1))
    throw new ArgumentError({ who: "strength", expected: "above 0 and at most 1", got: String(strength) });
  const steps = levels.length - 1;
  const kept = Math.max(1, Math.min(steps, Math.floor(steps * strength + 1e-9)));
  return levels.slice(steps - kept);
};

/**
 * Inpainting by replacement (Song et al. 2021, appendix I.2; Lugmayr et al. 2022, eq. 8): on arrival at each level the
 * known part of x becomes the image at that level, and at last the image itself, bit for bit.
 * @param image [n, c, h, w]
 * @param mask 1 where x is free, 0 where the image is known, between them a blend; it broadcasts to the image
 * @param noise fresh noise in the image's shape
 * @throws ShapeError when the mask has another size, ArgumentError when it leaves [0, 1]
 */
export const keepKnown = (image: NDArray, mask: NDArray, noise: () => NDArray): Projection => {
  const free = broadcastMask(mask, image);
  return (x, level) => {
    if (!sameShape(x.shape, image.shape))
      throw new ShapeError({
        who: "image",
        expected: `the samples' shape ${showShape(x.shape)}`,
        got: showShape(image.shape),
      });
    const known = level.sigma === 0 ? image : qSample(image, noise(), level);
    const out = new Float32Array(x.size);
    for (let i = 0; i < out.length; i++) {
      const m = free.data[i] as number;
      const [a, b] = [x.data[i] as number, known.data[i] as number];
      out[i] = m === 0 ? b : m === 1 ? a : m * a + (1 - m) * b;
    }
    return new NDArray(out, x.shape);
  };
};

const broadcastMask = (mask: NDArray, image: NDArray): NDArray => {
  const [h, w] = image.shape.slice(-2);
  if (mask.shape.slice(-2).join() !== [h, w].join())
    throw new ShapeError({ who: "mask", expected: `the image's ${h}×${w}`, got: showShape(mask.shape) });
  if (!mask.data.every((value) => value >= 0 && value <= 1))
    throw new ArgumentError({ who: "mask", expected: "values from 0 to 1", got: "some outside" });
  return NDArray.zeros(image.shape).add(mask);
};

export interface RepaintOptions {
  /** j: how many steps are walked before going back. */
  readonly jump?: number;
  /** r: how often each stretch is walked. */
  readonly resamplings?: number;
}

/**
 * RePaint's path: every stretch of j steps is walked r times, with a climb back between, so that what is painted comes
 * to fit what is known (Lugmayr et al. 2022, section 4.2 and algorithm 1). The last stretch, which ends at data, once.
 * @throws ArgumentError unless both are at least 1
 */
export const repaintPath = (
  levels: readonly Level[],
  { jump = 10, resamplings = 10 }: RepaintOptions = {},
): Level[] => {
  if (!(Number.isInteger(jump) && Number.isInteger(resamplings) && jump >= 1 && resamplings >= 1))
    throw new ArgumentError({
      who: "repaint",
      expected: "a jump and a number of resamplings of at least 1",
      got: `${jump} and ${resamplings}`,
    });
  const path = levels.slice(0, 1);
  for (let start = 0; start < levels.length - 1; start += jump) {
    const stretch = levels.slice(start + 1, start + 1 + jump);
    const again = stretch.at(-1)?.sigma === 0 ? 1 : resamplings;
    for (let k = 0; k < again; k++) path.push(...(k > 0 ? [levels[start] as Level] : []), ...stretch);
  }
  return path;
};

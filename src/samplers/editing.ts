import { ArgumentError, NDArray, ShapeError, sameShape, showShape } from "../base/index.ts";
import { type Level, qSample } from "../diffusion/index.ts";
import type { Projection } from "./driver.ts";

/**
 * The index of the level where a walk begins for an image that is to keep part of itself: the last `strength` of the
 * path's steps are left, at least one, as diffusers' image-to-image pipelines take (Meng et al. 2022, SDEdit).
 * @throws ArgumentError for a strength outside (0, 1]
 */
export const beginOfStrength = (levels: readonly Level[], strength: number): number => {
  if (!(strength > 0 && strength <= 1))
    throw new ArgumentError({ who: "strength", expected: "above 0 and at most 1", got: String(strength) });
  const steps = levels.length - 1;
  const kept = Math.max(1, Math.min(steps, Math.floor(steps * strength + 1e-9)));
  return steps - kept;
};

export interface Known {
  /** [n, c, h, w] */
  readonly image: NDArray;
  /** 1 where x is free, 0 where the image is known, between them a blend; it broadcasts to the image. */
  readonly mask: NDArray;
  /** Fresh noise in the image's shape. */
  readonly noise: () => NDArray;
  /** The last level of the path, where a little noise may be left. */
  readonly end?: Level | undefined;
}

/**
 * Inpainting by replacement (Song et al. 2021, appendix I.2; Lugmayr et al. 2022, eq. 8): on arrival at each level the
 * known part of x becomes the image at that level, and at the end the image itself, bit for bit.
 * @throws ShapeError when the mask has another size, ArgumentError when it leaves [0, 1]
 */
export const keepKnown = ({ image, mask, noise, end }: Known): Projection => {
  const free = broadcastMask(mask, image);
  return (x, level) => {
    if (!sameShape(x.shape, image.shape))
      throw new ShapeError({
        who: "image",
        expected: `the samples' shape ${showShape(x.shape)}`,
        got: showShape(image.shape),
      });
    const known = level.sigma === 0 || level === end ? image : qSample(image, noise(), level);
    return blended(x, known, free);
  };
};

/** x where the mask is 1 and `known` where it is 0, bit for bit, between them a blend; all of one shape. */
export const blended = (x: NDArray, known: NDArray, mask: NDArray): NDArray => {
  const out = new Float32Array(x.size);
  for (let i = 0; i < out.length; i++) {
    const m = mask.data[i] as number;
    const [a, b] = [x.data[i] as number, known.data[i] as number];
    out[i] = m === 0 ? b : m === 1 ? a : m * a + (1 - m) * b;
  }
  return new NDArray(out, x.shape);
};

const broadcastMask = (mask: NDArray, image: NDArray): NDArray => {
  const [h, w] = image.shape.slice(-2);
  if (mask.shape.slice(-2).join() !== [h, w].join())
    throw new ShapeError({ who: "mask", expected: `the image's ${h}×${w}`, got: showShape(mask.shape) });
  if (!broadcasts(mask.shape, image.shape))
    throw new ShapeError({
      who: "mask",
      expected: `one for the image's ${showShape(image.shape)}`,
      got: showShape(mask.shape),
    });
  if (!mask.data.every((value) => value >= 0 && value <= 1))
    throw new ArgumentError({ who: "mask", expected: "values from 0 to 1", got: "some outside" });
  return NDArray.zeros(image.shape).add(mask);
};

/** Whether sizes agree from the last on, where 1 and nothing stand for any. */
const broadcasts = (shape: readonly number[], wanted: readonly number[]): boolean => {
  const rest = wanted.length - shape.length;
  return rest >= 0 && shape.every((size, axis) => size === 1 || size === wanted[rest + axis]);
};

export interface RepaintOptions {
  /** j: how many steps a climb takes back; a fifth of the path when absent, at most the paper's 10. */
  readonly jump?: number | undefined;
  /** r: how often each stretch is walked. */
  readonly resamplings?: number;
}

/**
 * RePaint's path: every stretch of j steps is walked r times, with a climb back between, so that what is painted comes
 * to fit what is known (Lugmayr et al. 2022, section 4.2 and algorithm 1). Stretches are counted from the level before
 * the last, so that the one nearest to data is walked again too, and the odd steps are where there is noise alone.
 * @throws ArgumentError unless both are at least 1, and the path is longer than a jump
 */
export const repaintPath = (
  levels: readonly Level[],
  { jump = jumpOf(levels), resamplings = 10 }: RepaintOptions = {},
): Level[] => {
  const steps = levels.length - 1;
  checkRepaint(steps, jump, resamplings);
  const path: Level[] = [];
  for (const [i, level] of levels.entries()) {
    path.push(level);
    const start = i - jump;
    if (start < 0 || i === steps || (steps - 1 - i) % jump !== 0) continue;
    for (let k = 1; k < resamplings; k++) path.push(...levels.slice(start, i + 1));
  }
  return path;
};

const jumpOf = (levels: readonly Level[]): number =>
  Math.min(10, Math.max(1, Math.floor((levels.length - 1) / 5)));

const checkRepaint = (steps: number, jump: number, resamplings: number): void => {
  if (!(Number.isInteger(jump) && Number.isInteger(resamplings) && jump >= 1 && resamplings >= 1))
    throw new ArgumentError({
      who: "repaint",
      expected: "a jump and a number of resamplings of at least 1",
      got: `${jump} and ${resamplings}`,
    });
  if (resamplings > 1 && jump >= steps)
    throw new ArgumentError({
      who: "repaint",
      expected: `a jump shorter than the path of ${steps} ${steps === 1 ? "step" : "steps"}`,
      got: String(jump),
      hint: "take more steps, or a larger strength",
    });
};

import { type NDArray, NonFiniteError, type Shape } from "../base/index.ts";
import { dots, enlarge, imageGrid, planeSvg, svgToPixels } from "../formats/index.ts";
import { toPixels } from "./pixels.ts";

/** How samples are laid out in one picture. */
export interface Layout {
  /** Pictures in a row. */
  readonly columns: number;
  /** The side of a pixel; points have none. */
  readonly scale: number;
}

/** What the rows of a data set are. */
export type DataForm = "pictures" | "points" | "bits";

/** What is particular to a form of data. */
interface Form {
  /** How its rows lie in memory. */
  readonly dtype: "uint8" | "float32";
  /** One row, [c, h, w], in words. */
  readonly row: string;
  readonly fits: (row: Shape) => boolean;
  /** As many are enough to see what a model makes. */
  readonly preview: number;
  readonly gallery: number;
  /** The same of one class. */
  readonly ofOneClass: number;
  /** Samples float32 [n, c, h, w] as one picture, uint8 [c, H, W]. */
  readonly draw: (samples: NDArray, layout: Layout) => Promise<NDArray>;
}

/** A window on points: packaged densities have variance 1 over both coordinates. */
const REACH = 3;
/** In pixels, before the picture's are doubled. */
const SIDE = 240;

/**
 * The forms of data. All rows are [n, c, h, w], so that batches, networks, samplers and checkpoints know of one
 * kind; only what is shown of them differs.
 */
export const forms: Readonly<Record<DataForm, Form>> = {
  /** Grey levels, in [-1, 1] where networks live; drawn as tiles. */
  pictures: {
    dtype: "uint8",
    row: "[c, h, w]",
    fits: () => true,
    preview: 20,
    gallery: 40,
    ofOneClass: 4,
    draw: async (samples, { columns, scale }) =>
      enlarge(imageGrid(toPixels(samples), { columns, padding: 1 }), scale),
  },
  /** Points of the plane, drawn as dots of one. */
  points: {
    dtype: "float32",
    row: "[2, 1, 1]",
    fits: (row) => row.join() === "2,1,1",
    preview: 400,
    gallery: 1000,
    ofOneClass: 1000,
    async draw(samples) {
      if (!samples.isFinite())
        throw new NonFiniteError({ who: "points", expected: "finite numbers", got: "NaN or infinity" });
      const marks = [dots(samples.reshape([-1, 2]), { colour: "#b5400a", opacity: 0.7 })];
      const plane = await planeSvg({ reach: REACH, marks }, { x: 0, y: 0, side: SIDE });
      return svgToPixels(
        `<svg xmlns="http://www.w3.org/2000/svg" width="${SIDE}" height="${SIDE}">${plane}</svg>`,
      );
    },
  },
  /** Sequences of -1 and 1, a row of black and white pixels each. */
  bits: {
    dtype: "float32",
    row: "[length, 1, 1]",
    fits: ([, h, w]) => h === 1 && w === 1,
    preview: 20,
    gallery: 40,
    ofOneClass: 40,
    draw: async (samples, { scale }) =>
      enlarge(toPixels(samples.reshape([1, samples.shape[0] ?? 0, -1])), scale),
  },
};
export const formNames = Object.keys(forms) as DataForm[];

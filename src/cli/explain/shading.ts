import { NDArray } from "../../base/index.ts";
import { encodePng, latticeOf, type Mark } from "../../formats/index.ts";

/** How many values a side; the viewer blends between them. */
const CELLS = 72;
/** The colour of the densest place. */
const DENSEST = [86, 150, 200] as const;
/** Below 1, so that thin places are seen too. */
const GAMMA = 0.6;

/** A density as a wash of colour, given its logarithm at points [n, 2]; the palest is 0, the deepest its highest. */
export const shading =
  (logDensity: (points: NDArray) => ArrayLike<number>): Mark =>
  async ({ side, reach }) => {
    const logs = logDensity(NDArray.of(latticeOf(reach, CELLS), [CELLS * CELLS, 2]));
    const data = Buffer.from(await encodePng(washOf(logs))).toString("base64");
    return `<image width="${side}" height="${side}" href="data:image/png;base64,${data}"/>`;
  };

/** uint8 [3, CELLS, CELLS] */
const washOf = (logs: ArrayLike<number>): NDArray => {
  const most = Array.from(logs).reduce((a, b) => Math.max(a, b));
  const depths = Array.from(logs, (log) => Math.exp(GAMMA * (log - most)));
  return NDArray.of(
    DENSEST.flatMap((deep) => depths.map((depth) => Math.round(255 + depth * (deep - 255)))),
    [3, CELLS, CELLS],
    "uint8",
  );
};

import { NDArray, Streams } from "../base/index.ts";
import { type Dataset, makeDataset } from "./dataset.ts";
import { type DensityName, densityComponents } from "./densities.ts";

export interface DrawOptions {
  /** Rows to draw. */
  readonly count: number;
  readonly seed: number;
}

/** Points of a density in the plane, float32 [count, 2, 1, 1], with the classes that its parts belong to. */
export const openDensity = (name: DensityName, { count, seed }: DrawOptions): Dataset => {
  const components = densityComponents(name);
  const random = new Streams(seed);
  const chosen = Array.from(
    random.get("components").integers(0, components.length, [count]).data,
    (k) => components[k] as (typeof components)[number],
  );
  const noise = random.get("points").normal([count, 2]).data;
  const points = chosen.flatMap(({ mean, deviation }, i) =>
    mean.map((centre, axis) => centre + deviation * (noise[2 * i + axis] as number)),
  );
  const classes = new Set(components.map(({ label }) => label)).size;
  return makeDataset({
    name,
    form: "points",
    images: NDArray.of(points, [count, 2, 1, 1]),
    labels: NDArray.of(
      chosen.map(({ label }) => label),
      [count],
      "int32",
    ),
    classes: Array.from({ length: classes }, (_, label) => String(label)),
    skipped: [],
  });
};

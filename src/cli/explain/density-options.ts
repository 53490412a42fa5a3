import { NDArray } from "../../base/index.ts";
import { type DensityName, densityComponents, densityNames } from "../../data/index.ts";
import { CLEAN, type GaussianMixture, gaussianMixture } from "../../diffusion/index.ts";
import { dots, type Mark } from "../../formats/index.ts";
import { choice } from "../command.ts";

/** `--density`, with one of the packaged densities as what stands when it is absent. */
export const densityField = (fallback: DensityName) =>
  choice("a density in the plane with a known truth", densityNames, { fallback });

/** A density with its classes apart. */
export interface ClassifiedDensity {
  readonly name: DensityName;
  readonly whole: GaussianMixture;
  /** By label. */
  readonly classes: readonly GaussianMixture[];
}

/** The density of a name, each class also by itself. */
export const openDensity = (name: DensityName): ClassifiedDensity => {
  const components = densityComponents(name);
  const labels = [...new Set(components.map(({ label }) => label))].sort((a, b) => a - b);
  const classOf = (label: number) =>
    gaussianMixture(components.filter((component) => component.label === label));
  return { name, whole: gaussianMixture(components), classes: labels.map(classOf) };
};

/** Dark on the shading, and apart from each other. */
const pointColours = ["#b5400a", "#00614a", "#5b3a8e", "#8a6d00", "#a6266e", "#2f2f2f"] as const;

/** The colour of a class. */
export const colourOf = (label: number): string =>
  pointColours[label % pointColours.length] as (typeof pointColours)[number];

/** The class that each of the points [n, 2] most likely is of; all classes are equally likely. */
export const classesOf = ({ classes }: ClassifiedDensity, points: NDArray): number[] => {
  const logs = classes.map((mixture) => mixture.logDensity(points, CLEAN));
  return Array.from({ length: points.shape[0] ?? 0 }, (_, k) => {
    const here = logs.map((log) => log[k] as number);
    return here.indexOf(Math.max(...here));
  });
};

/** Points [n, 2] as dots in the colours of their classes. */
export const classDots =
  (points: NDArray, labels: readonly number[]): Mark =>
  async (canvas) => {
    const rows = points.split();
    const marks = [...new Set(labels)]
      .sort((a, b) => a - b)
      .map((label) =>
        dots(NDArray.stack(rows.filter((_, k) => labels[k] === label)), {
          colour: colourOf(label),
          opacity: 0.8,
        }),
      );
    return (await Promise.all(marks.map((mark) => mark(canvas)))).join("\n");
  };

/** What a window on these densities shows: they have variance 1 over both coordinates. */
export const REACH = 3;

import type { NDArray } from "../../base/index.ts";
import type { DensityName } from "../../data/index.ts";
import { CLEAN, type GaussianMixture } from "../../diffusion/index.ts";
import { dots, lineChart, type Mark, trails } from "../../formats/index.ts";
import { type SamplerKind, samplerKinds } from "../../samplers/index.ts";
import { integer, text, UsageError } from "../command.ts";
import { captionedGrid, type Row } from "./captioned-grid.ts";
import { colourOf, densityField, openDensity, REACH } from "./density-options.ts";
import { namesIn } from "./name-list.ts";
import { numbersField, numbersIn } from "./number-list.ts";
import type { Picture } from "./picture.ts";
import { definePicture } from "./picture-command.ts";
import { type Contest, type Contestant, contestOf } from "./sampler-contest.ts";
import { shading } from "./shading.ts";
import { stacked } from "./stacked.ts";
import type { Walk } from "./walk.ts";

/** So many have colours that can be told apart. */
const MOST = 7;

const DEFAULT = "ddim,heun,dpm_multistep,unipc,ancestral,dpm_sde";

export const samplersCommand = definePicture({
  name: "samplers",
  summary: "Compare samplers at equal evaluations, beside the density that they should give",
  description: `A sampler walks from noise to data in few steps, and each call of the network
counts. Deterministic samplers solve the probability-flow equation
    dx/dt = f(t) x - g(t)^2 / 2 grad log p_t(x);
stochastic ones add fresh noise at every step. The score is exact here (a
mixture of normal distributions), so every error is the sampler's own.

The picture shows paths and ends of each sampler with the same number of
evaluations, from the same noise. The charts show, over the evaluations,
  the distance of the distributions: sliced 2-Wasserstein; the dashed
      line is what the exact paths from the same noise come to,
  the distance from the exact end of the path that starts at the same noise,
      for deterministic samplers: its slope is the sampler's order.

Samplers: ${samplerKinds.join(", ")}.`,
  options: {
    density: densityField("two_moons"),
    samplers: text<string>(`which, with commas, at most ${MOST}`, { value: "names", fallback: DEFAULT }),
    evaluations: integer<number>("calls of the network for the paths shown", { least: 1, fallback: 10 }),
    budgets: numbersField("numbers of calls for the charts, with commas", "5,10,20,50"),
    points: integer<number>("points in the plane", { least: 2, fallback: 600 }),
    seed: integer<number>("seed of the noise", { fallback: 0 }),
  },
  examples: [
    ["undiffuse explain samplers", "a selection on two moons, in explain-samplers.svg"],
    ["undiffuse explain samplers --samplers ddim,heun,lms --evaluations 5 --out three.png", "three of them"],
  ],
  async draw({ density, samplers, evaluations, budgets, points, seed }): Promise<Picture> {
    const { whole } = openDensity(density as DensityName);
    const counts = numbersIn(budgets, { who: "--budgets", least: 1, whole: true });
    const contest = await contestOf(whole, { kinds: kindsIn(samplers), evaluations, counts, points, seed });
    const title = `Samplers with ${evaluations} evaluations of the network`;
    return {
      svg: stacked(title, [await pathsGrid(whole, contest, { title, density }), await errorChart(contest)]),
      readings: contest.contestants.map(reading),
    };
  },
});

const kindsIn = (list: string): SamplerKind[] => {
  const kinds = namesIn("--samplers", list, samplerKinds);
  if (kinds.length <= MOST) return kinds;
  throw new UsageError({ who: "--samplers", expected: `at most ${MOST}`, got: String(kinds.length) });
};

/** Planes in a row. */
const COLUMNS = 4;
/** Paths drawn of each sampler. */
const PATHS = 10;

const pathsGrid = (
  density: GaussianMixture,
  { truth, contestants }: Contest,
  { title, density: name }: { readonly title: string; readonly density: string | undefined },
): Promise<string> => {
  const ends = (points: NDArray) => dots(points, { colour: colourOf(0), opacity: 0.7 });
  const over = (...marks: readonly Mark[]) => ({
    reach: REACH,
    marks: [shading((points) => density.logDensity(points, CLEAN)), ...marks],
  });
  const cells = [
    { caption: "true draws", plane: over(ends(truth)) },
    ...contestants.map(({ kind, steps, shown }) => ({
      caption: `${kind}, ${steps} ${steps === 1 ? "step" : "steps"}`,
      plane: over(ends(shown.end), paths(shown)),
    })),
  ];
  const rows = Array.from(
    { length: Math.ceil(cells.length / COLUMNS) },
    (_, r): Row => ({
      name: "",
      note: "",
      cells: cells.slice(r * COLUMNS, (r + 1) * COLUMNS),
    }),
  );
  return captionedGrid({
    title,
    subtitle: `Dots are where points end, lines how a few of them got there, all from the same noise (${name}).`,
    headings: [],
    rows,
    side: 200,
  });
};

const paths = ({ states }: Walk): Mark =>
  trails(
    states.map((state) => state.rows(0, Math.min(PATHS, state.shape[0] ?? 0))),
    { width: 0.9, opacity: 0.6 },
  );

const errorChart = ({ contestants, counts, floor }: Contest): Promise<string> => {
  const xLabel = "evaluations";
  const scales = { xLabel, xScale: "log", xTicks: counts, yScale: "log" } as const;
  const seriesOf = (of: (contestant: Contestant) => readonly number[]) =>
    contestants.map((contestant) => ({
      name: contestant.kind,
      x: contestant.evaluations,
      y: of(contestant),
      style: "dotted" as const,
    }));
  return lineChart({
    title: "Error over evaluations",
    subtitle:
      "Left, all samplers: at the dashed line they are as good as the exact paths from that noise.\nRight, those that draw no noise of their own: the slope is their order.",
    panels: [
      {
        ...scales,
        title: "distance of the distributions",
        series: [
          ...seriesOf(({ distances }) => distances),
          { name: "exact paths", x: counts, y: counts.map(() => floor), style: "dashed" },
        ],
      },
      {
        ...scales,
        title: "distance from the exact end of the path",
        series: seriesOf(({ errors }) => errors).filter(({ y }) => y.length > 0),
      },
    ],
  });
};

const reading = ({ kind, evaluations, distances }: Contestant): string =>
  `${kind}: distance ${distances.map((distance, k) => `${distance.toPrecision(2)} at ${evaluations[k]}`).join(", ")} evaluations`;

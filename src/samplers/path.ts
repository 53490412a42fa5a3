import { ArgumentError } from "../base/index.ts";
import {
  CLEAN,
  type DiffusionProcess,
  isDiscrete,
  type Level,
  lambdaOf,
  type NoiseProcess,
  noiseToSignal,
} from "../diffusion/index.ts";
import { roundedSpacings, type SigmaSpacing, spacedSigmas } from "./sigma-spacing.ts";
import { type Grid, requireSteps, type Spacing, spacedTimesteps } from "./spacing.ts";

/** The levels to visit, as data. */
export interface PathOptions {
  /** How many steps; those of a given list when absent, else every trained timestep. */
  readonly steps?: number | undefined;
  /** Which timesteps, or the timesteps themselves, falling. */
  readonly spacing?: Spacing | readonly number[];
  /** Added to timesteps of `leading` spacing. */
  readonly offset?: number;
  /** A spacing of σ = sigma / alpha instead, between the same ends, or the values themselves, falling. */
  readonly sigmas?: SigmaSpacing | readonly number[] | null;
  /** How many timesteps a distilled model knows. */
  readonly distilled?: number;
  /** The exponent of `karras` (7 in the paper) and `polyexponential` (1). */
  readonly rho?: number;
  /** Multiplies every σ before any are spaced, so that large images see as much noise as small ones (Esser et al. 2024, eq. 23). */
  readonly shift?: number;
  /** Whether the sampler divides by alpha: it then starts a little below noise alone, as in diffusers. */
  readonly divides?: boolean;
  /** Only timesteps with a λ of at least this, of a process in discrete time: the noisier are left out. */
  readonly lambdaMin?: number;
  /** Where the last step ends: at data, or at the least noise that the network was trained at. */
  readonly final?: "clean" | "least";
}

/**
 * The levels from noise to the end of the last step.
 * @throws ArgumentError for a number of steps or a list that does not fit the process
 */
export const pathOf = (process: NoiseProcess, options: PathOptions, grid: Grid = "chain"): Level[] => {
  const { final = "clean" } = options;
  return [...spaced(process, options, grid), final === "clean" ? CLEAN : process.level(process.span[0])];
};

const shiftedBy =
  (process: NoiseProcess, shift = 1) =>
  (level: Level): Level =>
    shift === 1 ? level : process.levelAt(lambdaOf(level) - Math.log(shift));

/** Timesteps of a process in discrete time, times of one in continuous time. */
const spaced = (process: NoiseProcess, options: PathOptions, grid: Grid): Level[] => {
  const { sigmas = null } = options;
  const shifted = shiftedBy(process, options.shift);
  if (Array.isArray(sigmas))
    return requireLength(options.steps, falling("sigmas", sigmas)).map(atSigma(process)).map(shifted);
  const exact = timesOf(process, options, grid).map((time) => process.level(time));
  const levels = (options.divides ? exact.map(withSignal) : exact).map(shifted);
  if (sigmas === null) return levels;
  return respaced(process, {
    ends: endsOf(process, { grid, levels, divides: options.divides, shifted }),
    steps: levels.length,
    spacing: sigmas as SigmaSpacing,
    rho: options.rho ?? (sigmas === "karras" ? 7 : 1),
    grid,
  });
};

/**
 * What a spacing of σ lies between: the ends that were trained, in continuous time and for solvers of the exponential
 * kind; elsewhere those of the timesteps.
 */
const endsOf = (
  process: NoiseProcess,
  {
    grid,
    levels,
    divides,
    shifted,
  }: {
    readonly grid: Grid;
    readonly levels: readonly Level[];
    readonly divides: boolean | undefined;
    readonly shifted: (level: Level) => Level;
  },
): readonly Level[] => {
  const whole = wholeGrids.has(grid);
  if (isDiscrete(process) && !whole) return levels;
  const trained = [process.span[1], process.span[0]].map((time) => process.level(time));
  return (whole || divides ? trained.map(withSignal) : trained).map(shifted);
};

const atSigma =
  (process: NoiseProcess) =>
  (sigma: number): Level =>
    process.levelAt(-Math.log(sigma));

const timesOf = (process: NoiseProcess, options: PathOptions, grid: Grid): readonly number[] => {
  const { spacing = "trailing", offset, distilled } = options;
  if (Array.isArray(spacing)) return requireLength(options.steps, falling("timesteps", spacing));
  if (isDiscrete(process)) {
    const trained = knownOf(process, options.lambdaMin);
    return spacedTimesteps(spacing as Spacing, {
      steps: options.steps ?? trained,
      trained,
      grid,
      ...(offset !== undefined && { offset }),
      ...(distilled !== undefined && { distilled }),
    });
  }
  const { steps = 50 } = options;
  requireSteps(steps);
  return spacedTimes(grid === "ends" ? "linspace" : (spacing as Spacing), steps, process.span);
};

/** How many timesteps have a λ of at least this. */
const knownOf = ({ steps, level }: DiffusionProcess, lambdaMin = -Infinity): number => {
  let known = steps;
  while (known > 0 && lambdaOf(level(known - 1)) < lambdaMin) known--;
  return known;
};

/** Times of a span, noisiest first: `linspace` has both ends, `trailing` the noisy one, `leading` the clean one. */
const spacedTimes = (spacing: Spacing, steps: number, [clean, noisy]: NoiseProcess["span"]): number[] => {
  const parts = spacing === "linspace" ? Math.max(1, steps - 1) : steps;
  const first = spacing === "leading" ? 1 : 0;
  return Array.from({ length: steps }, (_, i) => noisy + ((clean - noisy) * (i + first)) / parts);
};

/**
 * The same ends in other steps. Solvers of the exponential kind space all that the network was trained at, and
 * tell it whole timesteps, as diffusers does; the others space what their timesteps span. Where the first level
 * is noise alone, the coordinate is the flow's.
 */
const respaced = (
  process: NoiseProcess,
  {
    ends,
    steps,
    spacing,
    rho,
    grid,
  }: { ends: readonly Level[]; steps: number; spacing: SigmaSpacing; rho: number; grid: Grid },
): Level[] => {
  const { position, lambda } = coordinates[ends[0]?.alpha === 0 ? "flow" : "karras"];
  const [most, least] = [ends[0], ends.at(-1)].map((level) => position(level as Level)) as [number, number];
  const told = toldBy(process, spacing, grid);
  return spacedSigmas(spacing, { steps, most, least, rho })
    .map((value) => process.levelAt(lambda(value)))
    .map((level) => ({ ...level, t: told(level.t) }));
};

/** The level, or for one of noise alone the nearest that can be divided by, ᾱ = 2⁻²⁴. */
const withSignal = (level: Level): Level =>
  level.alpha === 0 ? { ...level, alpha: 2 ** -12, sigma: Math.sqrt(1 - 2 ** -24) } : level;

/** Grids that tell whole timesteps of whatever noise is spaced. */
const wholeGrids: ReadonlySet<Grid> = new Set(["exponential", "multistep"]);

/** How a level between two timesteps is told. */
const toldBy = (process: NoiseProcess, spacing: SigmaSpacing, grid: Grid): ((t: number) => number) => {
  if (!isDiscrete(process)) return (t) => t;
  const cut = grid === "multistep" && process.schedule.beta_schedule === "squaredcos_cap_v2";
  const rounded = roundedSpacings.has(spacing) && !cut;
  if (wholeGrids.has(grid)) return rounded ? Math.round : Math.floor;
  return grid === "midpoint" && rounded ? Math.round : (t) => t;
};

/** What is spaced, and the λ that it stands for. */
const coordinates = {
  karras: { position: noiseToSignal, lambda: (sigma: number) => -Math.log(sigma) },
  flow: {
    position: ({ alpha, sigma }: Level) => sigma / (alpha + sigma),
    lambda: (time: number) => Math.log((1 - time) / time),
  },
};

/** @throws ArgumentError unless every number is below the one before */
const falling = (who: string, list: readonly number[]): readonly number[] => {
  const broken = list.findIndex((value, i) => i > 0 && !(value < (list[i - 1] as number)));
  if (list.length > 0 && broken === -1) return list;
  throw new ArgumentError({
    who,
    expected: "numbers that fall",
    got: list.length === 0 ? "none" : `${list[broken]} after ${list[broken - 1]}`,
  });
};

/** @throws ArgumentError when the steps asked for are not those listed */
const requireLength = (steps: number | undefined, list: readonly number[]): readonly number[] => {
  if (steps === undefined || steps === list.length) return list;
  throw new ArgumentError({
    who: "steps",
    expected: `${list.length}, the length of the list given, or none`,
    got: String(steps),
  });
};

/** A path backwards, from data to noise. The network is told the level that each step leads to, as it knows no clean one. */
export const inversionPath = (levels: readonly Level[]): Level[] => {
  const up = [...levels].reverse();
  return up.map((level, i) => ({ ...level, t: (up[i + 1] ?? level).t }));
};

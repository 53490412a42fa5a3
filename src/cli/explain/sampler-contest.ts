import { Generator, type NDArray } from "../../base/index.ts";
import { diffusionProcess, type GaussianMixture, scheduleSchema } from "../../diffusion/index.ts";
import type { SamplerKind } from "../../samplers/index.ts";
import { UsageError } from "../command.ts";
import { pairDistance, slicedDistance } from "./point-statistics.ts";
import { openPointSampler, type Walk, walk } from "./walk.ts";

/** What a sampler came to. */
export interface Contestant {
  readonly kind: SamplerKind;
  /** Steps of the walk that is shown. */
  readonly steps: number;
  readonly shown: Walk;
  /** What it really used of each budget that is enough for a step. */
  readonly evaluations: readonly number[];
  /** Of the ends from true draws, one an entry of `evaluations`. */
  readonly distances: readonly number[];
  /** Of the ends from the exact ends of their paths; empty for a sampler that draws noise. */
  readonly errors: readonly number[];
}

export interface Contest {
  /** As many true draws as there are points. */
  readonly truth: NDArray;
  readonly counts: readonly number[];
  /** The distance of the exact ends of the paths, which is that of their noise. */
  readonly floor: number;
  readonly contestants: readonly Contestant[];
}

interface ContestOptions {
  readonly kinds: readonly SamplerKind[];
  /** For the walks that are shown. */
  readonly evaluations: number;
  /** For the curves. */
  readonly counts: readonly number[];
  readonly points: number;
  readonly seed: number;
}

/** The schedule of Ho et al. (2020), which samplers are usually compared at. */
const process = diffusionProcess(scheduleSchema.parse({ beta_schedule: "linear" }));
/** Within 1e-3 of twice as many steps, below every error that is drawn. */
const EXACT = { kind: "heun", steps: 100, sigmas: "karras" };
/** How many times as many true draws the density is judged by. */
const DRAWS = 8;

/** Samplers side by side, all from the same noise. */
export const contestOf = async (
  { denoiser, sample }: GaussianMixture,
  { kinds, evaluations, counts, points, seed }: ContestOptions,
): Promise<Contest> => {
  const start = new Generator(seed).normal([points, 2]);
  const draws = sample(DRAWS * points, new Generator(seed + 1));
  const run = (sampler: object) => walk(denoiser, start, { process, sampler, seed: seed + 2 });
  const { end: exact } = await run(EXACT);
  const contestants: Contestant[] = [];
  for (const kind of kinds) contestants.push(await enter(kind, { run, evaluations, counts, draws, exact }));
  return { truth: draws.rows(0, points), counts, floor: slicedDistance(exact, draws), contestants };
};

interface Terms extends Pick<ContestOptions, "evaluations" | "counts"> {
  readonly run: (sampler: object) => Promise<Walk>;
  readonly draws: NDArray;
  readonly exact: NDArray;
}

const enter = async (
  kind: SamplerKind,
  { run, evaluations, counts, draws, exact }: Terms,
): Promise<Contestant> => {
  const steps = stepsFor(kind, evaluations);
  if (steps === 0) throw tooFew(kind, evaluations);
  const shown = await run({ kind, steps });
  const affordable = counts.map((count) => stepsFor(kind, count)).filter((n) => n > 0);
  const ends: NDArray[] = [];
  for (const n of affordable) ends.push(n === steps ? shown.end : (await run({ kind, steps: n })).end);
  return {
    kind,
    steps,
    shown,
    evaluations: affordable.map((n) => evaluationsOf(kind, n)),
    distances: ends.map((end) => slicedDistance(end, draws)),
    errors: shown.random ? [] : ends.map((end) => pairDistance(end, exact)),
  };
};

/** @throws UsageError for a kind that chooses its evaluations as it goes */
const evaluationsOf = (kind: SamplerKind, steps: number): number => {
  const evaluations = openPointSampler({ process, sampler: { kind, steps } }).sampler.evaluations(steps);
  if (evaluations !== null) return evaluations;
  throw new UsageError({
    who: "--samplers",
    expected: "samplers whose evaluations are known ahead",
    got: `"${kind}"`,
  });
};

/** The most steps within so many evaluations; 0 when even one takes more. */
const stepsFor = (kind: SamplerKind, evaluations: number): number => {
  let steps = Math.min(evaluations, process.steps);
  while (steps > 0 && evaluationsOf(kind, steps) > evaluations) steps--;
  return steps;
};

const tooFew = (kind: SamplerKind, evaluations: number): UsageError =>
  new UsageError({
    who: "--evaluations",
    expected: `enough for a step of ${kind}, ${evaluationsOf(kind, 1)}`,
    got: String(evaluations),
  });

import { ArgumentError, type Generator, type NDArray, Streams, showShape } from "../base/index.ts";
import { type Level, qSample } from "../diffusion/index.ts";
import type { Projection } from "./driver.ts";
import { beginOfStrength, keepKnown, repaintPath } from "./editing.ts";
import { initialNoise, stepNoise } from "./noise.ts";
import type { Sampler } from "./sampler.ts";

/** What a generation begins with. Arrays are [n, c, h, w], one row an image to make, images in [-1, 1]. */
export type Start =
  | { readonly kind: "noise" }
  /** x at the first level of the path: noise of one's own, or an image to invert. */
  | { readonly kind: "given"; readonly x: NDArray }
  /** An image, noised by the last `strength` of the path, above 0 and at most 1. */
  | { readonly kind: "image"; readonly image: NDArray; readonly strength: number }
  /** An image of which the mask, [1, 1, h, w], is painted anew: 1 where it is free, 0 where it stays. */
  | {
      readonly kind: "inpaint";
      readonly image: NDArray;
      readonly mask: NDArray;
      readonly strength: number;
      /** How often each stretch of the path is walked; 1 is replacement alone. */
      readonly resamplings: number;
      /** How many steps are walked again; a fifth of the path when absent, at most 10. */
      readonly jump?: number | undefined;
    };

export interface Begin {
  readonly levels: readonly Level[];
  /** What is to walk them. */
  readonly sampler: Sampler;
  /** One an image: what it draws is its own, in any batch. */
  readonly generators: readonly Generator[];
  /** Of one image, [c, h, w]. */
  readonly shape: readonly number[];
  /** The seed of the first image: noise for what is known comes from streams of its own. */
  readonly seed: number;
}

/** What the driver is told of a start. */
export interface Begun {
  readonly levels: readonly Level[];
  readonly begin?: number;
  readonly x: NDArray;
  readonly noise: () => NDArray;
  readonly project?: Projection;
}

/**
 * The path, where its walk begins, the sample there and what keeps known parts known.
 * @throws ArgumentError when images are not as many, or not of the shape, that are to be made, or the sampler has no
 * use for such a start
 */
export const begin = (start: Start, { levels, sampler, generators, shape, seed }: Begin): Begun => {
  checkSampler(start, sampler, levels.length - 1);
  const noise = stepNoise(generators, shape);
  if (start.kind === "noise")
    return { levels, x: initialNoise(generators, shape).mul(spreadOf(levels[0] as Level)), noise };
  const wanted = [generators.length, ...shape];
  const given = start.kind === "given" ? start.x : start.image;
  if (given.shape.join() !== wanted.join())
    throw new ArgumentError({ who: start.kind, expected: showShape(wanted), got: showShape(given.shape) });
  if (start.kind === "given") return { levels, x: given, noise };
  const first = beginOfStrength(levels, start.strength);
  const x = qSample(start.image, initialNoise(generators, shape), levels[first] as Level);
  if (start.kind === "image") return { levels, begin: first, x, noise };
  const known = generators.map((_, k) => new Streams(seed + k).get("known part"));
  const { image, mask, jump, resamplings } = start;
  const project = keepKnown({ image, mask, noise: stepNoise(known, shape), end: levels.at(-1) });
  const walked = repaintPath(levels.slice(first), { jump, resamplings });
  return { levels: [...levels.slice(0, first), ...walked], begin: first, x, noise, project };
};

/** The deviation of x at a level of data of variance 1: 1 where the process preserves it, all but σ where it explodes. */
const spreadOf = ({ alpha, sigma }: Level): number => Math.hypot(alpha, sigma);

/** Fewer steps than this are no measure for a strength, where each is solved to a tolerance. */
const FEWEST = 10;

const checkSampler = (start: Start, { name, climbs, evaluations }: Sampler, steps: number): void => {
  if (climbs && start.kind !== "given")
    throw new ArgumentError({ who: name, expected: "images to walk up from, given", got: start.kind });
  const strength = "strength" in start ? start.strength : 1;
  if (strength < 1 && evaluations(steps) === null && steps < FEWEST)
    throw new ArgumentError({
      who: `${name} with a strength of ${strength}`,
      expected: `at least ${FEWEST} steps, of which to walk the last`,
      got: String(steps),
    });
};

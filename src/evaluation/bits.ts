import { ArgumentError, Generator, type NDArray } from "../base/index.ts";
import { toUnit } from "../data/index.ts";
import {
  asPixelBits,
  clipped,
  type Denoiser,
  type DiffusionProcess,
  dequantised,
  elbo,
  isDiscrete,
  likelihood,
  type NoiseProcess,
  type ReverseVariance,
} from "../diffusion/index.ts";
import type { Estimate } from "./bootstrap.ts";

/** A network and its process, which for the bound is a chain. */
export interface BitsOptions<P extends NoiseProcess = NoiseProcess> {
  /** Of images [n, ...]; with a pullback, for the ODE. */
  readonly denoiser: Denoiser;
  readonly process: P;
  /** Of the chain's reverse steps, `fixed_small` when absent. */
  readonly variance?: ReverseVariance | undefined;
  /** Of the draws of noise and probes. */
  readonly seed: number;
  /** Aborted, evaluations end with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Told after each evaluation of the denoiser. */
  readonly onEvaluation?: (() => void) | undefined;
}

/** Half the width of a normal's middle 95%, in standard deviations. */
const NORMAL_95 = 1.96;
/** Relative and absolute error of a step: 1e-5 is what Song et al. 2021 have. */
const TOLERANCE = 1e-5;

/**
 * The least share of signal at which the ODE ends. Beyond it a float32 network's roundings, divided by alpha, are all
 * that its x0 holds; to take what is there for noise alone changes a dimension by alpha² / 2 nats at most.
 */
const LEAST_ALPHA = 0.01;

/** The process up to its last time with that much signal. */
const withSignal = (process: NoiseProcess): NoiseProcess => {
  const [first, end] = process.span;
  const step = isDiscrete(process) ? 1 : (end - first) / 1000;
  let last = end;
  while (last - step > first && process.level(last).alpha < LEAST_ALPHA) last -= step;
  return { span: [first, last], level: process.level, levelAt: process.levelAt };
};

const watched =
  (denoiser: Denoiser, { signal, onEvaluation }: BitsOptions): Denoiser =>
  async (x, level) => {
    signal?.throwIfAborted();
    const denoised = await denoiser(x, level);
    onEvaluation?.();
    return denoised;
  };

const estimate = (value: number, standardError: number): Estimate => ({
  value,
  interval: [value - NORMAL_95 * standardError, value + NORMAL_95 * standardError],
});

const checkPixels = (images: NDArray): void => {
  if (images.dtype === "uint8" && (images.shape[0] ?? 0) > 1) return;
  throw new ArgumentError({
    who: "bits per dimension",
    expected: "two uint8 images or more",
    got: `${images.shape[0]} of ${images.dtype}`,
  });
};

/**
 * An upper bound on the bits that an image takes, a dimension: the variational bound over the whole chain, with x0
 * clipped as sampling clips it (Ho et al. 2020, eq. 5 and section 3.3). One evaluation for each timestep.
 * @param images uint8 [n, c, h, w]
 */
export const bitsByElbo = async (
  images: NDArray,
  options: BitsOptions<DiffusionProcess>,
): Promise<Estimate> => {
  checkPixels(images);
  const { process, variance } = options;
  const { total, standardError } = await elbo(toUnit(images), {
    denoiser: clipped(watched(options.denoiser, options)),
    process,
    generator: new Generator(options.seed),
    ...(variance && { variance }),
  });
  return estimate(total, standardError);
};

/**
 * Bits a dimension by the probability-flow ODE, of images made continuous by uniform noise (Song et al. 2021, section
 * 4.3; Theis et al. 2016, section 3.1). The trace is estimated by one random vector of signs an image.
 * @param images uint8 [n, c, h, w]
 */
export const bitsByOde = async (images: NDArray, options: BitsOptions): Promise<Estimate> => {
  checkPixels(images);
  const generator = new Generator(options.seed);
  const { bitsPerDimension, standardError } = await likelihood(dequantised(images, generator), {
    denoiser: watched(options.denoiser, options),
    process: withSignal(options.process),
    trace: { kind: "hutchinson", generator },
    rtol: TOLERANCE,
    atol: TOLERANCE,
  });
  return estimate(asPixelBits(bitsPerDimension), standardError);
};

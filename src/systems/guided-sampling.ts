import { z } from "zod";
import { ArgumentError, NDArray } from "../base/index.ts";
import { type Denoiser, guided, type NetworkOptions, networkDenoiser } from "../diffusion/index.ts";
import { type SamplerKind, samplerSchema } from "../samplers/index.ts";
import type { GenerateRequest } from "../train/index.ts";
import { type ClassLabels, requireClass, requireLabels } from "./class-labels.ts";

/** How a denoising system samples, by default with this sampler. A field that guides says at what value it does not. */
export const guidedSamplingSchema = (sampler: {
  readonly kind: SamplerKind;
  readonly [key: string]: unknown;
}) =>
  z.strictObject({
    sampler: samplerSchema.prefault(sampler),
    /** Classifier-free guidance: eps = u + guidance · (c − u); 1 leaves the conditional estimate as it is. */
    guidance: z.number().nonnegative().default(1).meta({ unguided: 1 }),
    /** How much of the conditional estimate's contrast is given back to the guided one. */
    rescale: z.number().min(0).max(1).default(0),
    /** The range of σ / α in which to guide. */
    interval: z.tuple([z.number().nonnegative(), z.number().positive()]).optional(),
    /** The class to be led away from, in place of no class; also of images that are of no class. */
    negative: z.int().nonnegative().optional(),
  });
export type GuidedSampling = z.output<ReturnType<typeof guidedSamplingSchema>>;

/** A network as sampling sees it. */
export interface ConditionedNetwork {
  readonly labels: ClassLabels;
  /** What its output means. */
  readonly reading: NetworkOptions;
  /** Its output for x [n, c, h, w], all told the same time, of these classes [n]. */
  readonly run: (x: NDArray, t: number, classes: readonly number[]) => Promise<NDArray>;
}

/**
 * The network as a denoiser: of the classes alone, or steered towards them.
 * @throws ArgumentError for classes that it does not know, or guidance by classes where it knows none
 */
export const guidedDenoiser = (
  { count, labels, sampling }: GenerateRequest<GuidedSampling>,
  network: ConditionedNetwork,
): Denoiser => {
  const { guidance: scale, rescale, interval, negative } = sampling;
  const { embeddings, none } = network.labels;
  const { reading, run } = network;
  const all = (value: number): number[] => Array.from({ length: count }, () => value);
  const of = (classes: readonly number[]): Denoiser => networkDenoiser((x, t) => run(x, t, classes), reading);
  if (embeddings === null) {
    requireNoGuidance(sampling);
    return of(all(none));
  }
  requireLabels({ labels, count }, none);
  if (negative !== undefined) requireClass("negative", negative, none);
  // Without classes there is nothing to be led to, though there may be one to be led away from.
  if (!labels && negative === undefined) return of(all(none));
  const wanted = labels ?? all(none);
  const others = all(negative ?? none);
  return guided(
    {
      conditional: of(wanted),
      unconditional: of(others),
      async both(x, level) {
        const { inputScale = () => 1, told = ({ t }) => t } = reading;
        const seen = x.mul(inputScale(level));
        const output = await run(NDArray.concat([seen, seen]), told(level), [...wanted, ...others]);
        const half = (start: number) =>
          networkDenoiser(async () => output.rows(start, start + count), reading)(x, level);
        return [await half(0), await half(count)];
      },
    },
    { scale, rescale, interval },
  );
};

/** @throws ArgumentError when a model without a condition is to be guided by one */
const requireNoGuidance = ({ guidance, rescale, interval, negative }: GuidedSampling): void => {
  const asked = [
    negative !== undefined && "a negative class",
    guidance !== 1 && `a scale of ${guidance}`,
    rescale > 0 && `a rescale of ${rescale}`,
    interval && "an interval",
  ].find(Boolean);
  if (!asked) return;
  throw new ArgumentError({
    who: "guidance",
    expected: "a model with classes",
    got: `${asked} for one without`,
  });
};

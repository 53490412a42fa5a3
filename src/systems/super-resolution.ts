import { z } from "zod";
import { ArgumentError, NDArray, Streams } from "../base/index.ts";
import { augmentations, type NoiseProcess } from "../diffusion/index.ts";
import { superResolution } from "../models/index.ts";
import { stepNoise } from "../samplers/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { earlierStage, type Stage } from "../train/index.ts";
import type { Beside } from "./beside.ts";
import type { Conditioning } from "./class-labels.ts";
import { type DenoisingEquations, type DenoisingParts, denoisingStage } from "./denoising.ts";
import { type DenoisingNetwork, unetConfigOf, type unetNetworkSchema } from "./denoising-network.ts";
import type { GuidedSampling } from "./guided-sampling.ts";
import { enlarged, reduced } from "./pixel-squares.ts";

/** How the image of fewer pixels is changed in training: to a level drawn evenly from 0 to `most`. */
export const augmentationSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("noise"), most: z.number().min(0).max(1).default(1) }),
    z.strictObject({ kind: z.literal("blur"), most: z.number().nonnegative().default(0.6) }),
  ])
  .prefault({ kind: "noise" });

/** How a cascade samples. */
export type CascadeSampling = GuidedSampling & {
  /** The level to which what was generated is changed. */
  readonly augmentation: number;
};

interface SuperResolutionParts extends Pick<DenoisingParts, "data" | "seed"> {
  readonly network: z.output<typeof unetNetworkSchema>;
  readonly conditioning: Conditioning;
  readonly augmentation: z.output<typeof augmentationSchema>;
  /** The stage that makes its image of fewer pixels, and its side. */
  readonly lower: { readonly name: string; readonly side: number };
}

/** Levels as networks are told them: as times, which sinusoids are made for. */
const TOLD = 1000;
/** What is added to seeds for the stage before: its noise is to be another. */
const OTHER_NOISE = 2 ** 30;

/** What a network of super-resolution is shown: the image of fewer pixels, augmented, and the level of that. */
const lowBeside = (
  process: NoiseProcess,
  name: string,
  parts: SuperResolutionParts,
): Beside<CascadeSampling> => {
  const { network, data, seed, lower } = parts;
  const { kind, most } = parts.augmentation;
  const [channels, side] = data.image;
  const shape = [channels, lower.side, lower.side];
  const feedsOf = (images: NDArray, levels: readonly number[], noise: () => NDArray) => ({
    low: augmentations[kind](images, levels, { process, noise }),
    level: NDArray.of(levels.map((level) => TOLD * level)),
  });
  return {
    network(classes): DenoisingNetwork {
      const sizes = {
        in_channels: 2 * channels,
        out_channels: channels,
        class_embed_type: "identity",
        num_class_embeds: null,
      } as const;
      const random = new Streams(seed).get(name);
      const net = superResolution(unetConfigOf(network, data, sizes), classes, random);
      return {
        ...net,
        forward(x, t, { feeds, classLabels, masks } = {}) {
          const { low, level } = feeds as { readonly low: Tensor; readonly level: Tensor };
          return net.forward(x, t, { low, level, classLabels, masks });
        },
      };
    },
    inputs: (n) => ({ low: { shape: [n, ...shape] }, level: { shape: [n] } }),
    training({ images }, random) {
      const low = reduced(images, lower.side);
      const draws = random.get("augmentation");
      const levels = [...draws.uniform([images.shape[0] as number]).data].map((share) => most * share);
      return feedsOf(low, levels, () => draws.normal(low.shape));
    },
    async *sampling(request, earlier, steps) {
      const { start = { kind: "noise" }, count, sampling } = request;
      const { augmentation: level } = sampling;
      if (level > most)
        throw new ArgumentError({
          who: "augmentation",
          expected: `at most ${most}, as ${name} was trained`,
          got: String(level),
        });
      let low: NDArray | undefined;
      let frames = 0;
      if (start.kind === "image") low = reduced(start.image, lower.side);
      else if (start.kind === "noise") {
        const before = { ...request, seed: request.seed + OTHER_NOISE };
        for await (const { x, denoised, total } of earlierStage(earlier, lower.name).generate(before)) {
          const frame = { index: frames++, x: enlarged(x, side), denoised: enlarged(denoised, side) };
          yield total === undefined ? frame : { ...frame, total: total + steps };
          low = x;
        }
      }
      if (!low)
        throw new ArgumentError({
          who: name,
          expected: "noise or a picture to begin with",
          got: start.kind,
        });
      const generators = Array.from({ length: count }, (_, k) =>
        new Streams(request.seed + k).get("augmentation"),
      );
      const feeds = feedsOf(low, Array<number>(count).fill(level), stepNoise(generators, shape));
      return { feeds, frames };
    },
  };
};

/**
 * A stage that makes images of more pixels from those of the stage before, which it sees augmented (Ho et al. 2022,
 * section 4). Sampling augments what was generated whole ("non-truncated", section 4.2). From a picture it sees that
 * one's own fewer pixels: with strength 1 nothing but them (Saharia et al. 2021).
 */
export const superResolutionStage = (
  equations: DenoisingEquations<CascadeSampling>,
  parts: SuperResolutionParts,
): Stage<CascadeSampling> =>
  denoisingStage(
    { ...equations, beside: lowBeside(equations.process, equations.name, parts) },
    { config: parts, data: parts.data, seed: parts.seed },
  );

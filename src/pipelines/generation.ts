import { ArgumentError, type Generator, imageGenerators, NDArray } from "../base/index.ts";
import type { Level, NetworkOptions } from "../diffusion/index.ts";
import { openSampler, type SampleFrame, sample } from "../samplers/index.ts";
import { type Conditions, concatChannels, repeated } from "./conditions.ts";
import { binaryMask, latentMask, maskedPicture, pasteBack, requireMask } from "./inpainting.ts";
import type { LatentCodec } from "./latent-codec.ts";
import { guidanceEmbedding, latentDenoiser } from "./latent-denoiser.ts";
import { beginLatents, type LatentStart } from "./latent-start.ts";
import type { PictureRequest } from "./request.ts";
import type { PipelineScheduler } from "./scheduling.ts";
import type { Source } from "./source.ts";

/** What a generation needs of an opened model. */
export interface GenerationParts {
  readonly run: (feeds: Conditions) => Promise<NDArray>;
  readonly codec: LatentCodec;
  readonly scheduler: PipelineScheduler;
  /** Of what small pictures were noised by in training; of upscalers. */
  readonly lowRes: ((t: number) => Level) | null;
  /** Of one picture, and of what it is led away from; null where nothing guides. */
  readonly wanted: Conditions;
  readonly others: Conditions | null;
  /** Channels of the network's input, and the width of what it is told of guidance, if it is. */
  readonly inChannels: number;
  readonly guidanceWidth: number | null;
}

/** Pictures in the making. */
export interface Generation {
  /** Latents after each step. */
  readonly frames: AsyncGenerator<SampleFrame, void>;
  /** Pictures [n, 3, h, w] in [-1, 1] of a frame's latents; what an inpainted one keeps is the source's, bit for bit. */
  picture(latents: NDArray): Promise<NDArray>;
}

/** Everything that is drawn comes from the pictures' own generators, in the order of diffusers' pipelines. */
export const generation = async (
  parts: GenerationParts,
  request: Required<Pick<PictureRequest, "seed" | "count" | "width" | "height" | "guidance">> &
    PictureRequest,
): Promise<Generation> => {
  const { seed, count, width, height, guidance, rescale, interval, source, signal } = request;
  const { codec, scheduler, guidanceWidth } = parts;
  const generators = imageGenerators(seed, count);
  const { process, prediction, sigmaData, inputScale } = scheduler;
  const { sampler, levels, limit, churn } = openSampler(scheduler.sampler, process);
  const shape = [codec.channels, height / codec.factor, width / codec.factor];
  const { start, beside } = await startOf(source, parts, generators);
  const begun = beginLatents(start, { levels, generators, shape, deviation: scheduler.deviation });
  const seen = await beside(shape);
  const reading: NetworkOptions = { prediction, sigmaData, ...(inputScale && { inputScale }) };
  const told = guidanceWidth === null ? {} : { guidance: guidanceEmbedding(guidance, guidanceWidth) };
  const ofAll = (conditions: Conditions): Conditions =>
    Object.fromEntries(
      Object.entries({ ...conditions, ...told, ...seen.told }).map(([name, array]) => [
        name,
        repeated(array, count),
      ]),
    );
  const denoiser = latentDenoiser({
    run: parts.run,
    reading,
    wanted: ofAll(parts.wanted),
    others: parts.others && ofAll(parts.others),
    beside: seen.channels,
    guidance: { scale: guidance, rescale, interval },
  });
  return {
    frames: sample({ ...begun, denoiser: limit(denoiser), sampler, churn, signal }),
    async picture(latents) {
      const made = await codec.decode(latents);
      return source?.kind === "inpaint" ? pasteBack(made, source.image, source.mask) : made;
    },
  };
};

/** What latents begin with, and, once their noise is drawn, what the network sees and is told beside them. */
interface Sourced {
  readonly start: LatentStart;
  readonly beside: (shape: readonly number[]) => Promise<Beside>;
}
interface Beside {
  readonly channels?: NDArray;
  readonly told?: Conditions;
}
const nothing = async (): Promise<Beside> => ({});

const startOf = async (
  source: Source | undefined,
  { codec, inChannels, lowRes }: GenerationParts,
  generators: readonly Generator[],
): Promise<Sourced> => {
  const encoded = (image: NDArray) => codec.encode(repeated(image, generators.length), generators);
  if (source === undefined || source.kind === "variation")
    return { start: { kind: "noise" }, beside: nothing };
  if (source.kind === "image")
    return {
      start: { kind: "image", latents: await encoded(source.image), strength: source.strength },
      beside: nothing,
    };
  if (source.kind === "upscale") {
    if (!lowRes) throw new ArgumentError({ who: "upscale", expected: "a low_res_scheduler", got: "none" });
    const { image, noiseLevel } = source;
    const { alpha, sigma } = lowRes(noiseLevel);
    const noise = NDArray.stack(generators.map((each) => each.normal(image.shape.slice(1))));
    const channels = NDArray.combine([alpha, repeated(image, generators.length)], [sigma, noise]);
    const told = { classLabels: NDArray.of([noiseLevel], [1], "int32") };
    return { start: { kind: "noise" }, beside: async () => ({ channels, told }) };
  }
  const { image, strength } = source;
  requireMask(source.mask, image);
  const free = binaryMask(source.mask);
  const mask = latentMask(free, codec.factor);
  if (inChannels === codec.channels)
    return {
      start: { kind: "known", latents: await encoded(image), mask, strength },
      // diffusers encodes what is left of the picture here too, and draws for it.
      async beside(shape) {
        for (const each of generators) each.normal(shape);
        return {};
      },
    };
  const latents = strength < 1 ? await encoded(image) : null;
  return {
    start: latents ? { kind: "image", latents, strength } : { kind: "noise" },
    async beside() {
      const rest = await encoded(maskedPicture(image, free));
      const n = generators.length;
      return { channels: concatChannels([repeated(mask, n), rest]) };
    },
  };
};

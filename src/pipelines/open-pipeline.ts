import { ArgumentError, type NDArray } from "../base/index.ts";
import type { Component } from "../formats/index.ts";
import type { EvaluateOptions } from "../train/index.ts";
import { conditioningParts, type Family } from "./families.ts";
import { type Generation, generation } from "./generation.ts";
import { openLatentCodec } from "./latent-codec.ts";
import { applyLoras, loraParts, type WeightedLora } from "./lora.ts";
import { loraBase } from "./lora-base.ts";
import { openPart } from "./model-kinds.ts";
import { openNetwork } from "./network.ts";
import { type Additions, openConditioning } from "./open-conditioning.ts";
import { outlineOf } from "./outline.ts";
import { chosenSize, type PictureSize } from "./picture-size.ts";
import type { PipelineSource } from "./pipeline-source.ts";
import type { PictureRequest } from "./request.ts";
import { lowResLevels, schedulerFor } from "./scheduling.ts";
import { type SourceKind, sourceWords } from "./source.ts";
import { evaluation } from "./unet-evaluation.ts";

/** A published checkpoint, ready to make pictures. Close it to end its sessions. */
export interface Pipeline {
  /** diffusers' name of its kind. */
  readonly className: string;
  /** What it begins with; "none" stands for noise alone. */
  readonly sources: readonly (SourceKind | "none")[];
  readonly size: PictureSize;
  /**
   * Encodes what is asked for and begins.
   * @throws ArgumentError for what this model cannot begin with, or sizes that latents do not fill
   */
  generate(request: PictureRequest): Promise<Generation & { readonly cut: readonly string[] }>;
  close(): Promise<void>;
}

export interface PipelineOptions extends EvaluateOptions, Additions {}

/**
 * Opens a pipeline's parts: of a folder, see `folderSource`.
 * @throws FileError for what is missing or damaged, ArgumentError for a pipeline or class that is not supported
 */
export const openPipeline = async (
  parts: PipelineSource,
  options: PipelineOptions = {},
): Promise<Pipeline> => {
  const { className, family, config, sources, size, isGuided } = await outlineOf(parts);
  const component = (name: string) => parts.component(name);
  const { loras = [] } = options;
  requireParts(loras, family);

  const { module } = await openPart("unet", await component("unet"), (weights) =>
    applyLoras(weights, loras, "unet"),
  );
  const codec = openLatentCodec((await openPart("vae", await component("vae"))).module, options);
  const conditioning = await openConditioning(family, parts, options);
  const scheduler = configOf(await component("scheduler"));
  const lowRes = sources.includes("upscale")
    ? lowResLevels(configOf(await component("low_res_scheduler")), numberIn(parts, "max_noise_level"))
    : null;
  const network = openNetwork(module, evaluation(module), options);

  return {
    className,
    sources,
    size,
    async generate(request) {
      const { source, seed = 0, count = 1 } = request;
      const kind = source?.kind ?? "none";
      if (!sources.includes(kind))
        throw new ArgumentError({
          who: className,
          expected: `${sources.map(beginning).join(" or ")} to begin with`,
          got: beginning(kind),
        });
      const { width, height } = chosenSize(request, size);
      const { guidance = family.guidance } = request;
      const guided = isGuided(guidance);
      const { wanted, others, cut } = await conditioning.of(request, { guided, width, height });
      const steps = request.steps ?? family.steps;
      const begun = await generation(
        {
          run: async (feeds) => (await network.run(feeds)).output as NDArray,
          codec,
          scheduler: schedulerFor(scheduler, family, { steps, scheduling: request.scheduling }),
          lowRes,
          wanted,
          others,
          inChannels: config.in_channels,
          guidanceWidth: config.time_cond_proj_dim,
        },
        { ...request, seed, count, width, height, guidance },
      );
      return { ...begun, cut };
    },
    async close() {
      await network.close();
      await codec.close();
      await conditioning.close();
    },
  };
};

const beginning = (kind: SourceKind | "none"): string => (kind === "none" ? "nothing" : sourceWords[kind]);

/** Of a scheduler; its class is the one that `model_index.json` names, as in Python, whatever its own file says. */
const configOf = ({ className, config }: Component) => ({ ...config, _class_name: className });

/** @throws ArgumentError for a LoRA of networks that the pipeline does not have */
const requireParts = (loras: readonly WeightedLora[], { conditioning }: Family): void => {
  const texts = conditioningParts[conditioning].filter((part) => part.startsWith("text_encoder"));
  const own: readonly string[] = ["unet", ...texts];
  for (const lora of loras) {
    const other = loraParts(lora).find((part) => !own.includes(part));
    if (other)
      throw new ArgumentError({
        who: lora.name ?? "LoRA",
        expected: `layers of ${own.join(", ")}`,
        got: `layers of ${other}`,
        hint: `it seems to be made for ${loraBase(lora) ?? "another base"}`,
      });
  }
};

const numberIn = ({ settings }: PipelineSource, key: string): number | null => {
  const value = settings[key];
  return typeof value === "number" ? value : null;
};

import { ArgumentError } from "../base/index.ts";
import type { JsonObject, NewPipeline } from "../formats/index.ts";
import type { UNet2DConfig } from "../models/index.ts";
import { type DiffusersNotes, NOTES } from "./diffusers-notes.ts";
import { type DiffusersProcess, diffusersProcess } from "./diffusers-process.ts";
import { diffusersReadme } from "./diffusers-readme.ts";
import { toDiffusersSampling } from "./diffusers-scheduler.ts";
import type { GuidedSampling } from "./guided-sampling.ts";
import type { Recipe } from "./recipe.ts";
import { type TrainedStage, weightsOfNetwork } from "./trained-stage.ts";

/** A folder of diffusers', to be written by `writeDiffusersFolder`. */
export interface DiffusersExport {
  readonly pipeline: NewPipeline;
  /** What lies in it beside that, by name: how to sample. */
  readonly files: Readonly<Record<string, string>>;
}

/**
 * A trained denoising U-Net as a folder of diffusers', with the averaged weights: Python loads it as the pipeline that
 * `model_index.json` names, and samples to the same image (README.md in the folder says how).
 * @param options.sampling how to sample; the recipe's own way when absent
 * @param options.half whether the weights are to be stored in float16, as the variant `fp16`
 * @throws ArgumentError that says what has no counterpart in diffusers
 */
export const diffusersExport = (
  trained: TrainedStage,
  {
    sampling = trained.recipe.sampling,
    half = false,
  }: { readonly sampling?: Recipe["sampling"]; readonly half?: boolean } = {},
): DiffusersExport => {
  const recipe = { ...trained.recipe, sampling } as Recipe;
  const counterpart = diffusersProcess(recipe, trained.stage.name);
  if ("none" in counterpart) throw refused(recipe.system, counterpart.none);
  const guided = sampling as GuidedSampling;
  requireGuidance(guided, counterpart);
  const unet = unetOf(trained);
  const { config, timesteps, step, noise } = toDiffusersSampling(guided.sampler, counterpart);
  const scheduler = String(config._class_name);
  const pipeline = scheduler === "DDIMScheduler" ? "DDIMPipeline" : "DDPMPipeline";
  const notes: DiffusersNotes = {
    system: recipe.system,
    recipe: recipe.name,
    step: trained.checkpoint.header.step,
    classes: unet.num_class_embeds === null ? null : [...(trained.checkpoint.header.classes ?? [])],
    learns_variance: counterpart.learnsVariance ?? false,
    noise,
    set_timesteps: timesteps,
    step_arguments: step,
    guidance: {
      scale: guided.guidance,
      rescale: guided.rescale,
      interval: guided.interval ?? null,
      negative: guided.negative ?? null,
    },
  };
  const part = (className: string, config: object) =>
    ({ library: "diffusers", className, config: config as JsonObject }) as const;
  const { _class_name, ...keys } = config;
  return {
    pipeline: {
      className: pipeline,
      components: {
        unet: { ...part("UNet2DModel", unet), tensors: weightsOfNetwork(trained, "unet") },
        scheduler: part(scheduler, keys),
      },
    },
    files: {
      [NOTES]: `${JSON.stringify(notes, null, 2)}\n`,
      "README.md": diffusersReadme({ notes, unet, scheduler, pipeline, half }),
    },
  };
};

const refused = (what: string, reason: string): ArgumentError =>
  new ArgumentError({
    who: `export of ${what}`,
    expected: "what diffusers has too",
    got: reason,
    hint: "export the network as ONNX: --to onnx",
  });

/** @throws ArgumentError for a network that is no UNet2DModel, or is told the noise as schedulers do not tell it */
const unetOf = ({ stage, recipe }: TrainedStage): UNet2DConfig => {
  const { unet } = stage.networks as { readonly unet?: { readonly config?: UNet2DConfig } };
  if (!unet?.config)
    throw refused(
      recipe.system,
      `a network of kind ${Object.keys(stage.networks)[0]}, which diffusers has not`,
    );
  if (unet.config.time_embedding_type === "fourier")
    throw refused(
      recipe.system,
      'time_embedding_type "fourier", whose network is told σ / α; the schedulers tell a timestep',
    );
  return unet.config;
};

/** @throws ArgumentError for guidance of which Python's loop over a network's output gives another image */
const requireGuidance = ({ rescale }: GuidedSampling, { prediction }: DiffusersProcess): void => {
  if (rescale > 0 && prediction !== "epsilon")
    throw refused(
      `rescale ${rescale}`,
      `a network that predicts ${prediction}, whose contrast is not that of eps`,
    );
};

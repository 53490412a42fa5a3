import { existsSync } from "node:fs";
import { join } from "node:path";
import { FileError, parseAs } from "../base/index.ts";
import { type JsonObject, openComponent, readJsonObject, readModelIndex } from "../formats/index.ts";
import type { UNet2D, UNet2DConfig } from "../models/index.ts";
import { type DiffusersNotes, diffusersNotesSchema, NOTES } from "../systems/index.ts";
import { modelKinds } from "./model-kinds.ts";
import { openModel } from "./open-model.ts";

/** How a pipeline of Python's samples. */
export interface PipelineKind {
  /** How many steps when none are asked for. */
  readonly steps: number;
  /** What its scheduler is made into. */
  readonly scheduler?: string;
  /** Whether its images are in [0, 1]. */
  readonly fromZero?: boolean;
}

/** diffusers' pipelines of a `UNet2DModel` and a scheduler. */
const pipelines: Readonly<Record<string, PipelineKind>> = {
  DDPMPipeline: { steps: 1000 },
  DDIMPipeline: { steps: 50, scheduler: "DDIMScheduler" },
  PNDMPipeline: { steps: 50, scheduler: "PNDMScheduler" },
  ScoreSdeVePipeline: { steps: 2000, scheduler: "ScoreSdeVeScheduler", fromZero: true },
};

/** What lies in a folder of a `UNet2DModel`. */
export interface UnconditionalFolder {
  readonly pipeline: string;
  readonly kind: PipelineKind;
  readonly config: UNet2DConfig;
  readonly unet: UNet2D;
  /** `scheduler_config.json`, with the class that the pipeline makes of it. */
  readonly scheduler: JsonObject;
  /** What `undiffuse export` says beside it; null in a folder that Python wrote. */
  readonly notes: DiffusersNotes | null;
}

/** @throws FileError for what is missing, damaged, of another class or with other weights; ArgumentError for a configuration that is not known */
export const readUnconditionalFolder = async (
  folder: string,
  variant?: string,
): Promise<UnconditionalFolder> => {
  const { className: pipeline } = await readModelIndex(folder);
  const kind = isUnconditional(pipeline) ? pipelines[pipeline] : undefined;
  if (!kind) throw refused(folder, Object.keys(pipelines).join(", "), pipeline);
  const { className, config: said } = await openComponent(folder, "scheduler");
  return {
    pipeline,
    kind,
    ...(await readUnet(folder, variant)),
    scheduler: { ...said, _class_name: kind.scheduler ?? className },
    notes: await readNotes(folder),
  };
};

const refused = (path: string, expected: string, got: string): FileError =>
  new FileError(path, { expected, got });

const readUnet = async (folder: string, variant: string | undefined) => {
  const component = await openComponent(folder, "unet", { variant });
  if (component.className !== "UNet2DModel") {
    await component.weights?.close();
    throw refused(folder, "a unet of UNet2DModel", component.className);
  }
  const { config, module } = await openModel(modelKinds.UNet2DModel, component);
  if (config.class_embed_type === null) return { config, unet: module };
  throw refused(folder, "a unet whose classes are numbers", `class_embed_type ${config.class_embed_type}`);
};

const readNotes = async (folder: string): Promise<DiffusersNotes | null> => {
  const path = join(folder, NOTES);
  if (!existsSync(path)) return null;
  const about = { who: path, expected: "how images were sampled" };
  return parseAs(diffusersNotesSchema, await readJsonObject(path), about);
};

/** Whether a pipeline of diffusers' is one of a `UNet2DModel`, by its name. */
export const isUnconditional = (className: string): boolean => Object.hasOwn(pipelines, className);

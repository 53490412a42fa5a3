import { FileError, type NDArray } from "../base/index.ts";
import {
  type Component,
  type JsonObject,
  type OriginalLayout,
  type OriginalPart,
  openSafetensors,
  readOriginalLayout,
  takenShape,
  takeTensor,
  type WeightSource,
} from "../formats/index.ts";
import type { PipelineSource } from "./pipeline-source.ts";

export interface FileSourceOptions {
  /** A folder of a tokenizer, which single files have none of. */
  readonly tokenizer?: string | undefined;
  /** What the U-Net predicts, where the file does not say it. */
  readonly prediction?: "epsilon" | "v_prediction" | undefined;
}

/** diffusers' pipelines by what files in the original layout are for. */
const pipelineOf = ({ version, task }: Pick<OriginalLayout, "version" | "task">): string => {
  if (version === "xl") return "StableDiffusionXLPipeline";
  if (task === "inpainting") return "StableDiffusionInpaintPipeline";
  return task === "upscaling" ? "StableDiffusionUpscalePipeline" : "StableDiffusionPipeline";
};

/**
 * A single safetensors file in the original layout of Stable Diffusion, whose tensors are renamed as they are read.
 * @throws FileError for a file of another kind, with all that is missing or unknown
 */
export const fileSource = async (
  path: string,
  { tokenizer, prediction }: FileSourceOptions = {},
): Promise<PipelineSource> => {
  refusePickle(path);
  const file = await openSafetensors(path);
  let layout: OriginalLayout;
  try {
    const { metadata } = file;
    layout = readOriginalLayout(file.tensors, { name: path, metadata, ...(prediction && { prediction }) });
  } finally {
    await file.close();
  }
  const models: Readonly<Record<string, readonly [className: string, part: OriginalPart | undefined]>> = {
    unet: ["UNet2DConditionModel", layout.unet],
    vae: ["AutoencoderKL", layout.vae],
    text_encoder: ["CLIPTextModel", layout.text_encoder],
    text_encoder_2: ["CLIPTextModelWithProjection", layout.text_encoder_2],
  };
  const configs: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>> = {
    scheduler: layout.scheduler,
    low_res_scheduler: layout.low_res_scheduler,
  };
  return {
    name: path,
    className: pipelineOf(layout),
    settings: {},
    parts: [
      ...Object.keys(models).filter((name) => models[name]?.[1]),
      ...Object.keys(configs).filter((name) => configs[name]),
      ...(layout.text_encoder_2 ? ["tokenizer", "tokenizer_2"] : ["tokenizer"]),
    ],
    async component(name): Promise<Component> {
      const [className, part] = models[name] ?? [];
      const common = { folder: path, variant: undefined };
      if (className && part)
        return {
          ...common,
          className,
          config: part.config as JsonObject,
          weights: renamed(await openSafetensors(path), part),
        };
      const config = configs[name];
      if (config)
        return {
          ...common,
          className: String(config._class_name),
          config: config as JsonObject,
          weights: null,
        };
      if (!name.startsWith("tokenizer")) throw new FileError(path, { expected: name, got: "none" });
      if (tokenizer === undefined) throw noTokenizer(path);
      return { ...common, folder: tokenizer, className: "CLIPTokenizer", config: {}, weights: null };
    },
  };
};

/** A part of a file under the names of its rules. */
const renamed = (file: WeightSource, { rules }: OriginalPart): WeightSource => {
  const stored = (source: string) =>
    file.tensors.get(source) as NonNullable<ReturnType<typeof file.tensors.get>>;
  const read = async (name: string): Promise<NDArray> => {
    const rule = rules.get(name);
    if (!rule) throw new FileError(name, { expected: "a tensor of this part", got: "none" });
    return takeTensor(rule, await file.read(rule.source));
  };
  return {
    tensors: new Map(
      [...rules].map(([name, rule]) => {
        const source = stored(rule.source);
        return [name, { ...source, name, shape: takenShape(rule, source.shape) }];
      }),
    ),
    metadata: file.metadata,
    read,
    async readAll() {
      const tensors = new Map<string, NDArray>();
      for (const name of rules.keys()) tensors.set(name, await read(name));
      return tensors;
    },
    close: () => file.close(),
  };
};

const refusePickle = (path: string): void => {
  if (!/\.(ckpt|pt|pth|bin)$/i.test(path)) return;
  throw new FileError(path, {
    expected: "a safetensors file",
    got: "a pickle, which may run any program when it is read",
    hint: "where you trust it, torch.load(file, weights_only=True) in Python and safetensors.torch.save_file of its state_dict",
  });
};

const noTokenizer = (path: string): FileError =>
  new FileError(path, {
    expected: "a tokenizer beside it",
    got: "none",
    hint:
      "name a folder with vocab.json and merges.txt: the `tokenizer` of any Stable Diffusion folder of the same version, " +
      "or openai/clip-vit-large-patch14 of the hub",
  });

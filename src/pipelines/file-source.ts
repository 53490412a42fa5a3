import { existsSync } from "node:fs";
import { join } from "node:path";
import { FileError, type NDArray, sizeOf } from "../base/index.ts";
import {
  type Component,
  type JsonObject,
  type OriginalLayout,
  type OriginalPart,
  openSafetensors,
  readEach,
  readOriginalLayout,
  type StoredTensor,
  type TensorRule,
  takenShape,
  takeTensor,
  type WeightSource,
} from "../formats/index.ts";
import type { PipelineSource } from "./pipeline-source.ts";

export interface FileSourceOptions {
  /**
   * A folder of a tokenizer, which single files have none of, or a folder that has it as `tokenizer`. XL's second one lies
   * beside the first as `tokenizer_2`.
   */
  readonly tokenizer?: string | undefined;
  /** What the U-Net predicts, where the file does not say it. */
  readonly prediction?: "epsilon" | "v_prediction" | undefined;
  /** The U-Net's averaged weights, where the file has them, in place of the last ones. */
  readonly ema?: boolean | undefined;
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
  { tokenizer, prediction, ema = false }: FileSourceOptions = {},
): Promise<PipelineSource> => {
  refusePickle(path);
  const file = await openSafetensors(path);
  let layout: OriginalLayout;
  try {
    const { metadata } = file;
    layout = readOriginalLayout(file.tensors, {
      name: path,
      metadata,
      ema,
      ...(prediction && { prediction }),
    });
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
      if (name !== "tokenizer" && name !== "tokenizer_2")
        throw new FileError(path, { expected: name, got: "none" });
      const folder = tokenizerFolder(name, tokenizer);
      if (folder === undefined) throw noTokenizer(path, name, { layout, tokenizer });
      return { ...common, folder, className: "CLIPTokenizer", config: {}, weights: null };
    },
  };
};

/** A part of a file under the names of its rules. */
const renamed = (file: WeightSource, { rules }: OriginalPart): WeightSource => {
  const tensors = new Map(
    [...rules].map(([name, rule]) => [
      name,
      takenPlace(name, rule, file.tensors.get(rule.source) as StoredTensor),
    ]),
  );
  const read = async (name: string): Promise<NDArray> => {
    const rule = rules.get(name);
    if (!rule) throw new FileError(name, { expected: "a tensor of this part", got: "none" });
    return takeTensor(rule, await file.read(rule.source));
  };
  return {
    tensors,
    metadata: file.metadata,
    read,
    readAll: (onProgress) => readEach({ tensors, read }, onProgress),
    close: () => file.close(),
  };
};

/** Where what a rule takes of a tensor lies. */
const takenPlace = (name: string, rule: TensorRule, source: StoredTensor): StoredTensor => {
  const shape = takenShape(rule, source.shape);
  const bytes = (source.bytes / (sizeOf(source.shape) || 1)) * sizeOf(shape);
  const start = rule.take?.kind === "rows" ? rule.take.start / rule.take.of : 0;
  return { ...source, name, shape, bytes, offset: source.offset + start * source.bytes };
};

const refusePickle = (path: string): void => {
  if (!/\.(ckpt|pt|pth|bin)$/i.test(path)) return;
  throw new FileError(path, {
    expected: "a safetensors file",
    got: "a pickle, which may run any program when it is read",
    hint: "where you trust it, torch.load(file, weights_only=True) in Python and safetensors.torch.save_file of its state_dict",
  });
};

const VOCABULARIES = ["tokenizer_config.json", "tokenizer.json", "vocab.json"];

/** Where a tokenizer lies that was named: itself, as a part of a folder, or as what stands beside the first. */
const tokenizerFolder = (
  name: "tokenizer" | "tokenizer_2",
  given: string | undefined,
): string | undefined => {
  if (given === undefined) return undefined;
  const places = [join(given, name), name === "tokenizer" ? given : `${given.replace(/[\\/]+$/, "")}_2`];
  const found = places.find((place) => VOCABULARIES.some((file) => existsSync(join(place, file))));
  // A folder that holds none is refused by its reader, which says what it lacks.
  return found ?? (name === "tokenizer" ? given : undefined);
};

const noTokenizer = (
  path: string,
  name: "tokenizer" | "tokenizer_2",
  { layout, tokenizer }: { readonly layout: OriginalLayout; readonly tokenizer: string | undefined },
): FileError => {
  const padding = layout.version === "2.x" || name === "tokenizer_2" ? "!" : "<|endoftext|>";
  const hint =
    tokenizer === undefined
      ? "name a folder with vocab.json and merges.txt: the `tokenizer` of any Stable Diffusion folder of the same version" +
        (layout.version === "1.x" ? ", or openai/clip-vit-large-patch14 of the hub" : "")
      : "name the folder of an XL model that has both tokenizers, or put the second beside the first";
  return new FileError(path, {
    expected: `a ${name} beside it, which fills short prompts with ${padding}`,
    got: "none",
    hint,
  });
};

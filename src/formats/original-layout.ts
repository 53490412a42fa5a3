import { ArgumentError, FileError } from "../base/index.ts";
import { compareNames } from "./original-layout-check.ts";
import { type OriginalKind, recogniseOriginal, starting, UNET } from "./original-layout-kind.ts";
import type { OriginalPart, Shapes } from "./original-layout-rule.ts";
import {
  choosePrediction,
  lowResolutionScheduler,
  type Prediction,
  type PredictionChoice,
  schedulerConfig,
} from "./original-layout-scheduler.ts";
import { Section } from "./original-layout-section.ts";
import { readTextEncoders } from "./original-layout-text.ts";
import { readUNetStructure, unetRenamings } from "./original-layout-unet.ts";
import { contextWidth, unetConfig } from "./original-layout-unet-config.ts";
import { readVae } from "./original-layout-vae.ts";

/** What a single file of Stable Diffusion holds, in terms of a diffusers folder. */
export interface OriginalLayout extends OriginalKind {
  readonly unet: OriginalPart;
  readonly vae: OriginalPart;
  readonly text_encoder: OriginalPart;
  /** Of XL. */
  readonly text_encoder_2?: OriginalPart;
  readonly scheduler: Readonly<Record<string, unknown>>;
  /** Of the ×4 upscaler. */
  readonly low_res_scheduler?: Readonly<Record<string, unknown>>;
  readonly prediction: PredictionChoice;
  /** Whether the file has averaged weights of the U-Net beside the last ones. */
  readonly hasEma: boolean;
  /** Tensors that are known and not needed. */
  readonly ignored: readonly string[];
}

export interface OriginalLayoutOptions {
  /** Stands for the file in errors. */
  readonly name?: string;
  /** The U-Net's averaged weights in place of the last ones. */
  readonly ema?: boolean;
  /** What the U-Net predicts, where the file does not say it. */
  readonly prediction?: Prediction;
  /** The file's texts beside the tensors. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const EMA = "model_ema.";
const VAE = "first_stage_model.";

/** Whether these are names of Stable Diffusion's original single file. */
export const isOriginalLayout = (shapes: Shapes): boolean => starting(shapes, UNET);

/**
 * Reads what a single file in the original layout of Stable Diffusion holds (1.x, 2.x, XL base; inpainting; the ×4
 * upscaler), from names and shapes alone. Schedules, averaged weights and other tensors that are not needed are passed
 * over.
 * @throws FileError that lists every tensor that is missing, unknown or of a shape that cannot be taken apart, or names
 * a model that is not among these
 */
export const readOriginalLayout = (shapes: Shapes, options: OriginalLayoutOptions = {}): OriginalLayout => {
  const { name = "original layout", ema = false } = options;
  const faults = new Set<string>();
  const unet = new Section(shapes, UNET, faults);
  const kind = recogniseOriginal(shapes, unet, name);
  const prediction = choosePrediction(kind, shapes, options);
  const texts = readTextEncoders(shapes, kind.version, faults);
  const parts = {
    unet: readUNet(unet, kind, prediction),
    vae: new Section(shapes, VAE, faults).read(readVae(vaeGiven(kind, prediction))),
    ...texts.parts,
  };
  const names = compareNames(
    shapes,
    Object.values(parts).map(({ rules }) => rules),
    texts.ignores,
  );
  const all = [...new Set([...faults, ...names.faults, ...contextFault(unet, Object.values(texts.parts))])];
  if (all.length)
    throw new FileError(name, {
      expected: `the tensors of Stable Diffusion ${kind.version} (${kind.task}) in the original layout`,
      got: all.join("; "),
    });
  return {
    ...kind,
    ...parts,
    unet: ema ? averaged(parts.unet, shapes, name) : parts.unet,
    scheduler: schedulerConfig(kind, prediction, shapes),
    ...(kind.task === "upscaling" && { low_res_scheduler: lowResolutionScheduler }),
    prediction,
    hasEma: starting(shapes, `${EMA}diffusion_model`),
    ignored: names.ignored,
  };
};

const readUNet = (unet: Section, kind: OriginalKind, prediction: PredictionChoice): OriginalPart => {
  const structure = readUNetStructure(unet);
  const hasEight = kind.version === "1.x" || kind.task === "upscaling";
  const config = unetConfig(unet, structure, {
    heads: hasEight ? { number: 8 } : { channels: 64 },
    sampleSize: latentSide(kind, prediction),
  });
  return { config, rules: unet.rules(unetRenamings(structure)) };
};

/** Side of the latents that the published models of a kind were trained at. */
const latentSide = ({ version, task }: OriginalKind, { type }: PredictionChoice): number => {
  if (version === "xl" || task === "upscaling") return 128;
  return version === "2.x" && type === "v_prediction" ? 96 : 64;
};

/** Published factors of latents; XL's autoencoder overflows in half precision. */
const vaeGiven = (kind: OriginalKind, prediction: PredictionChoice) => {
  if (kind.task === "upscaling") return { sample_size: 256, scaling_factor: 0.08333 };
  const sample_size = 8 * latentSide(kind, prediction);
  return kind.version === "xl"
    ? { sample_size, scaling_factor: 0.13025, force_upcast: true }
    : { sample_size, scaling_factor: 0.18215 };
};

/** Whether what the text encoders say has the width that the U-Net attends to. */
const contextFault = (unet: Section, texts: readonly OriginalPart[]): readonly string[] => {
  const wanted = contextWidth(unet);
  const got = texts.reduce((sum, { config }) => sum + Number(config.hidden_size), 0);
  return Number.isNaN(wanted + got) || wanted === got
    ? []
    : [`a U-Net that attends to ${wanted} channels beside text of ${got}`];
};

/** The U-Net from its averaged weights, whose names are the others' without dots. */
const averaged = ({ config, rules }: OriginalPart, shapes: Shapes, name: string): OriginalPart => {
  const found = new Map(
    [...rules].map(([target, rule]) => {
      const flat = rule.source.slice("model.".length).replaceAll(".", "");
      return [target, { ...rule, source: `${EMA}${flat}` }];
    }),
  );
  const missing = [...found.values()].filter(({ source }) => !shapes.has(source));
  if (missing.length === found.size)
    throw new ArgumentError({ who: name, expected: "averaged weights (model_ema.*)", got: "none" });
  if (missing.length)
    throw new FileError(name, {
      expected: "averaged weights of the whole U-Net",
      got: missing.map(({ source }) => `no ${source}`).join("; "),
    });
  return { config, rules: found };
};

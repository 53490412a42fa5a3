import { FileError } from "../base/index.ts";
import type { Shapes } from "./original-layout-rule.ts";
import type { Section } from "./original-layout-section.ts";

/** Which of Stable Diffusion's models it is. */
export interface OriginalKind {
  readonly version: "1.x" | "2.x" | "xl";
  readonly task: "text-to-image" | "inpainting" | "upscaling";
}

export const UNET = "model.diffusion_model.";

const tasks: Readonly<Record<number, OriginalKind["task"]>> = {
  4: "text-to-image",
  7: "upscaling",
  9: "inpainting",
};
/** Channels of models that are not supported. */
const otherTasks: Readonly<Record<number, string>> = {
  5: " (images with their depth)",
  8: " (InstructPix2Pix)",
};
/** Beginnings of names that other models have in this layout. */
const others: readonly (readonly [prefix: string, model: string])[] = [
  [`${UNET}joint_blocks.`, "Stable Diffusion 3"],
  [`${UNET}double_blocks.`, "FLUX"],
  ["conditioner.embedders.0.model.", "the refiner of Stable Diffusion XL"],
  ["noise_augmentor.", "unCLIP"],
  ["embedder.model.visual.", "unCLIP"],
  ["edm_mean", "Playground 2.5"],
];

/** @param name stands for the file in errors @throws FileError that names a model which is not supported */
export const recogniseOriginal = (shapes: Shapes, unet: Section, name: string): OriginalKind => {
  const other = others.find(([prefix]) => starting(shapes, prefix));
  if (other || unet.count("input_blocks.") === 0)
    throw new FileError(name, {
      expected: "Stable Diffusion 1.x, 2.x or XL base in the original layout",
      got: other?.[1] ?? `tensors like ${[...shapes.keys()].slice(0, 3).join(", ") || "none"}`,
    });
  return { version: versionOf(shapes), task: taskOf(unet, name) };
};

export const starting = (shapes: Shapes, prefix: string): boolean =>
  [...shapes.keys()].some((name) => name.startsWith(prefix));

/** By the text encoder; where there is none, by what the U-Net would want. */
const versionOf = (shapes: Shapes): OriginalKind["version"] => {
  if (starting(shapes, "conditioner.embedders.")) return "xl";
  if (starting(shapes, "cond_stage_model.model.")) return "2.x";
  if (starting(shapes, "cond_stage_model.transformer.")) return "1.x";
  if (shapes.has(`${UNET}label_emb.0.0.weight`)) return "xl";
  return shapes.get(`${UNET}middle_block.1.proj_in.weight`)?.shape.length === 2 ? "2.x" : "1.x";
};

const taskOf = (unet: Section, name: string): OriginalKind["task"] => {
  const channels = unet.size("input_blocks.0.0.weight", 1);
  // Without that tensor the file is refused for the lack of it.
  const task = Number.isNaN(channels) ? "text-to-image" : tasks[channels];
  if (task) return task;
  throw new FileError(name, {
    expected: "a U-Net of 4 channels, of 9 (inpainting) or of 7 (×4 upscaler)",
    got: `${channels}${otherTasks[channels] ?? ""}`,
  });
};

import type { Shapes } from "../formats/index.ts";
import type { LoraFile } from "./lora-file.ts";
import { readLoraName } from "./lora-names.ts";

/** Width of the text that the U-Net of a base attends to. */
const contexts: Readonly<Record<number, string>> = {
  768: "Stable Diffusion 1.x",
  1024: "Stable Diffusion 2.x",
  2048: "Stable Diffusion XL",
};
/** What training scripts write beside the tensors. */
const spoken: readonly (readonly [sign: RegExp, base: string])[] = [
  [/xl/i, "Stable Diffusion XL"],
  [/sd_?v?3|diffusion-v?3/i, "Stable Diffusion 3"],
  [/flux/i, "FLUX"],
  [/sd_?v?2|diffusion-v?2/i, "Stable Diffusion 2.x"],
  [/sd_?v?1|diffusion-v?1/i, "Stable Diffusion 1.x"],
];
const transformer = /^(transformer\.|lora_transformer_)|(double|single|joint)_(transformer_)?blocks/;

/** The base that a LoRA seems to be made for, by its metadata, its names or the width of what it attends to. */
export const loraBase = ({
  tensors,
  metadata = {},
}: Pick<LoraFile, "metadata"> & { readonly tensors: Shapes }): string | undefined => {
  const said = metadata.ss_base_model_version ?? metadata["modelspec.architecture"];
  if (said) return spoken.find(([sign]) => sign.test(said))?.[1] ?? said;
  const names = [...tensors.keys()];
  if (names.some((name) => transformer.test(name))) return "a transformer (FLUX, Stable Diffusion 3)";
  if (names.some((name) => readLoraName(name)?.part === "text_encoder_2")) return "Stable Diffusion XL";
  return contexts[contextOf(tensors) ?? 0];
};

const contextOf = (tensors: Shapes): number | undefined =>
  [...tensors].find(([name]) => {
    const read = readLoraName(name);
    return read?.role === "down" && /attn2_to_[kv]$/.test(read.module);
  })?.[1].shape[1];

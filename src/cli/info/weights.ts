import { isOriginalLayout, openSafetensors, type WeightSource } from "../../formats/index.ts";
import { openSource, totalsOf } from "../../pipelines/index.ts";
import { describeCheckpointFile } from "./checkpoint.ts";
import { describeClassifier } from "./classifier.ts";
import { describeLora, isLora } from "./lora.ts";
import { row } from "./row.ts";
import { describeSingleFile } from "./single-file.ts";
import { metadataRows, showTotals } from "./tensors.ts";
import { describeTextualInversion, isTextualInversion } from "./textual-inversion.ts";

/** What a safetensors file seems to be, by its metadata, names and shapes. @throws FileError for another file */
export const describeWeights = async (path: string): Promise<string[]> => {
  // Pickles are refused there with the way out.
  if (/\.(ckpt|pt|pth|bin)$/i.test(path)) await openSource(path);
  const file = await openSafetensors(path);
  try {
    return await describe(path, file);
  } finally {
    await file.close();
  }
};

const describe = async (path: string, file: WeightSource): Promise<string[]> => {
  const { tensors, metadata } = file;
  if (metadata.undiffuse !== undefined) return describeCheckpointFile(path);
  if (metadata["undiffuse-classifier"] !== undefined)
    return [...describeClassifier(metadata["undiffuse-classifier"]), tensorRow(file)];
  if (isOriginalLayout(tensors)) return describeSingleFile(path, file);
  const about = [tensorRow(file), ...metadataRows(metadata)];
  if (isLora(tensors.keys())) return [...describeLora(path, tensors, metadata), ...about];
  if (isTextualInversion(tensors)) return [...describeTextualInversion(path, await file.readAll()), ...about];
  return [row("kind", kindOf([...tensors.keys()])), ...about, ...exampleRows(file)];
};

const tensorRow = ({ tensors }: WeightSource): string =>
  row("tensors", `${tensors.size}: ${showTotals(totalsOf(tensors.values()))}`);

/** Names that only one kind of file has, first those that others have too. */
const kinds: readonly (readonly [sign: RegExp, kind: string])[] = [
  [
    /^(first_stage_model\.)?(en|de)coder\.(down|up)\.\d/,
    "an autoencoder (VAE) in Stable Diffusion's original layout",
  ],
  [/^quantize\.embedding\.weight$/, "the weights of a VQModel; they open in a folder with its config.json"],
  [
    /^(en|de)coder\.layers\.\d/,
    "the weights of an AutoencoderTiny; they open in a folder with its config.json",
  ],
  [
    /^(en|de)coder\.(down|up)_blocks\.\d/,
    "the weights of an AutoencoderKL; they open in a folder with its config.json",
  ],
  [/^(controlnet_|control_model\.)/, "a ControlNet, which is not supported"],
  [/^image_proj\./, "an IP-Adapter, which is not supported"],
  [
    /(^|\.)(double|joint|single)_(transformer_)?blocks\./,
    "a transformer (FLUX, Stable Diffusion 3), which is not supported",
  ],
  [/\.attn2\.to_k\./, "the weights of a UNet2DConditionModel; they open in a folder with its config.json"],
  [/^down_blocks\.\d/, "the weights of a U-Net; they open in a folder with its config.json"],
  [/^text_model\./, "the weights of a CLIP text encoder; they open in a folder with its config.json"],
  [/^vision_model\./, "the weights of a CLIP vision encoder; they open in a folder with its config.json"],
];

const kindOf = (names: readonly string[]): string =>
  kinds.find(([sign]) => names.some((name) => sign.test(name)))?.[1] ?? "tensors of a kind that is not known";

/** The first of its tensors. */
const exampleRows = ({ tensors }: WeightSource, shown = 5): string[] => [
  ...[...tensors.values()]
    .slice(0, shown)
    .map(({ name, dtype, shape }, i) =>
      row(i === 0 ? "such as" : "", `${name} ${dtype} [${shape.join(", ")}]`),
    ),
];

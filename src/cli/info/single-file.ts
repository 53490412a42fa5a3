import { FileError } from "../../base/index.ts";
import { readOriginalLayout, type WeightSource } from "../../formats/index.ts";
import { faultWords, fileSource, totalsOf } from "../../pipelines/index.ts";
import { row, showCount } from "./row.ts";
import { describeSource, supportRows } from "./source.ts";
import { metadataRows, showTotals } from "./tensors.ts";

const tasks = {
  "text-to-image": "for text to image",
  inpainting: "for inpainting",
  upscaling: "the ×4 upscaler",
} as const;

/** A single file in the original layout of Stable Diffusion. */
export const describeSingleFile = async (path: string, file: WeightSource): Promise<string[]> => {
  const { tensors, metadata } = file;
  const about = [
    row("tensors", `${tensors.size}: ${showTotals(totalsOf(tensors.values()))}`),
    ...metadataRows(metadata),
  ];
  try {
    const { version, task, prediction, hasEma, ignored } = readOriginalLayout(tensors, {
      name: path,
      metadata,
    });
    const source = await fileSource(path);
    const parts = source.parts.filter((name) => !name.startsWith("tokenizer"));
    const { rows, faults } = await describeSource({ ...source, parts });
    const said = prediction.known ? "" : ", as most files of its kind; the file does not say it";
    return [
      row(
        "kind",
        `Stable Diffusion ${version === "xl" ? "XL" : version}, ${tasks[task]}: a single file in the original layout`,
      ),
      ...rows,
      row("predicts", `${prediction.type}${said}`),
      ...(hasEma ? [row("averages", "of the U-Net's weights are there too")] : []),
      ...(ignored.length ? [row("not needed", showCount(ignored.length, "tensor"))] : []),
      ...about,
      ...supportRows(faults.filter((fault) => !fault.startsWith("tokenizer"))),
      row("needs", `--tokenizer, the folder of one that its version takes: ${tokenizers[version]}`),
    ];
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    const kind = "a single file in the original layout of Stable Diffusion, or like it";
    return [row("kind", kind), ...about, ...supportRows([faultWords(error)])];
  }
};

/** Tokenizers differ by version in what they fill short prompts with. */
const tokenizers = {
  "1.x": "padded with <|endoftext|>, as openai/clip-vit-large-patch14 has",
  "2.x": "padded with !",
  xl: "the first padded with <|endoftext|>, the second with !",
} as const;

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Generator, NDArray } from "../../src/base/index.ts";
import {
  type JsonObject,
  type NewComponent,
  type NewPipeline,
  type OriginalPart,
  readJsonObject,
  readOriginalLayout,
  type TensorRules,
} from "../../src/formats/index.ts";
import {
  autoencoderKl,
  autoencoderKlSchema,
  clipTextModel,
  clipTextSchema,
  unet2dCondition,
  unet2dConditionSchema,
} from "../../src/models/index.ts";
import { stateOf } from "../../src/nn/index.ts";

export const tokenizer = fileURLToPath(new URL("../fixtures/clip/byte-pairs/", import.meta.url));

/** Channels that files in the original layout can have at least: they say nothing of groups of 32 and heads of 64. */
const WIDTH = 64;
const random = new Generator(7);

/** A pipeline of random weights as diffusers keeps it, and the same in the original layout, as `version`'s fixture is. */
export const inBothLayouts = async (
  version: "sd1" | "sd2",
): Promise<{ readonly pipeline: NewPipeline; readonly original: ReadonlyMap<string, NDArray> }> => {
  const file = new URL(`../fixtures/original-layout/${version}.json`, import.meta.url);
  const { original } = JSON.parse(await readFile(file, "utf8"));
  const shapes = new Map(
    Object.entries<string>(original).map(([name, shape]) => [
      name,
      { shape: shape ? shape.split("x").map(Number) : [] },
    ]),
  );
  const layout = readOriginalLayout(shapes);
  const { vocabulary } = await tokenizerFiles();
  const parts = {
    unet: partOf("UNet2DConditionModel", unet2dConditionSchema, unet2dCondition, {
      ...layout.unet.config,
      block_out_channels: widths(layout.unet, WIDTH),
      cross_attention_dim: WIDTH,
      attention_head_dim: version === "sd1" ? 8 : widths(layout.unet, 1),
    }),
    vae: partOf("AutoencoderKL", autoencoderKlSchema, autoencoderKl, {
      ...layout.vae.config,
      block_out_channels: widths(layout.vae, 32),
    }),
    text_encoder: partOf("CLIPTextModel", clipTextSchema, clipTextModel, {
      ...layout.text_encoder.config,
      hidden_size: WIDTH,
      intermediate_size: 96,
      num_attention_heads: 1,
      vocab_size: vocabulary,
      max_position_embeddings: 77,
    }),
  };
  return {
    pipeline: {
      className: "StableDiffusionPipeline",
      components: {
        ...parts,
        scheduler: {
          library: "diffusers",
          className: String(layout.scheduler._class_name),
          config: layout.scheduler as JsonObject,
        },
        tokenizer: (await tokenizerFiles()).component,
      },
    },
    original: withLastBlock(
      (["unet", "vae", "text_encoder"] as const).flatMap((name) => [
        ...inOriginalLayout(parts[name].tensors, layout[name].rules),
      ]),
      layout.text_encoder.config.num_hidden_layers as number,
    ),
  };
};

/** Files of 2.x have one more block of the text encoder than folders, which nothing runs. */
const withLastBlock = (
  tensors: readonly (readonly [name: string, array: NDArray])[],
  blocks: number,
): Map<string, NDArray> => {
  const [last, unused] = [`transformer.resblocks.${blocks - 1}.`, `transformer.resblocks.${blocks}.`];
  const copies = tensors.filter(([name]) => name.includes(last));
  return new Map([
    ...tensors,
    ...copies.map(([name, array]) => [name.replace(last, unused), array] as const),
  ]);
};

/** A network's levels with a width for the first and those like it, and twice that for wider ones. */
const widths = ({ config }: OriginalPart, width: number): number[] => {
  const own = config.block_out_channels as readonly number[];
  return own.map((each) => (each === own[0] ? width : 2 * width));
};

/** A network of random weights, larger than they are drawn, so that pictures tell them apart. */
const partOf = <C, M extends object>(
  className: string,
  schema: { parse(config: unknown): C },
  build: (config: C, random: Generator) => M,
  config: object,
) => ({
  library: className.startsWith("CLIP") ? ("transformers" as const) : ("diffusers" as const),
  className,
  config: config as JsonObject,
  tensors: stateOf(build(schema.parse(config), random)),
});

/** What rules take, put back: the inverse of `renameTensors`. */
const inOriginalLayout = (
  tensors: ReadonlyMap<string, NDArray>,
  rules: TensorRules,
): Map<string, NDArray> => {
  const original = new Map<string, NDArray>();
  for (const [name, { source, take }] of rules) {
    const array = tensors.get(name);
    if (!array) throw new Error(`no ${name} among ${[...tensors.keys()].slice(0, 5)}`);
    if (take?.kind === "rows")
      original.set(
        source,
        NDArray.concat([...(original.has(source) ? [original.get(source) as NDArray] : []), array]),
      );
    else if (take?.kind === "squeezed") original.set(source, array.reshape([...array.shape, 1, 1]));
    else original.set(source, take?.kind === "transposed" ? array.transpose() : array);
  }
  return original;
};

const tokenizerFiles = async (): Promise<{
  readonly vocabulary: number;
  readonly component: NewComponent;
}> => {
  const names = ["vocab.json", "merges.txt", "special_tokens_map.json"];
  const texts = await Promise.all(names.map((name) => readFile(join(tokenizer, name))));
  return {
    vocabulary: Object.keys(await readJsonObject(join(tokenizer, "vocab.json"))).length,
    component: {
      library: "transformers",
      className: "CLIPTokenizer",
      config: await readJsonObject(join(tokenizer, "tokenizer_config.json")),
      files: Object.fromEntries(names.map((name, i) => [name, texts[i] as Buffer])),
    },
  };
};

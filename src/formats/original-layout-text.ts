import type { OriginalKind } from "./original-layout-kind.ts";
import { moduleOf, type OriginalPart, type Renaming, type Shapes, weightOf } from "./original-layout-rule.ts";
import { Section } from "./original-layout-section.ts";

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Channels of one head in every published text encoder of Stable Diffusion. */
const HEAD = 64;
const headsOf = (width: number): number => Math.max(1, Math.floor(width / HEAD));

/** The text encoders of a single file; `ignores` knows their tensors that are not in use. */
export const readTextEncoders = (
  shapes: Shapes,
  version: OriginalKind["version"],
  faults: Set<string>,
): {
  readonly parts: { readonly text_encoder: OriginalPart; readonly text_encoder_2?: OriginalPart };
  readonly ignores: (name: string) => boolean;
} => {
  const section = (prefix: string) => new Section(shapes, prefix, faults);
  if (version === "1.x")
    return {
      parts: { text_encoder: section("cond_stage_model.transformer.").read(readClip) },
      ignores: () => false,
    };
  if (version === "2.x") {
    const text = section("cond_stage_model.model.");
    return { parts: { text_encoder: text.read(readPenultimate) }, ignores: unused(text) };
  }
  return {
    parts: {
      text_encoder: section("conditioner.embedders.0.transformer.").read(readClip),
      text_encoder_2: section("conditioner.embedders.1.model.").read(readProjected),
    },
    ignores: () => false,
  };
};

/** transformers' own names, which Stable Diffusion 1.x has behind a prefix (and some files without `text_model`). */
const readClip = (text: Section): OriginalPart => {
  const inner = text.has("embeddings.token_embedding.weight") ? "" : "text_model.";
  const layers = text.count(`${inner}encoder.layers.`);
  const width = text.size(`${inner}embeddings.token_embedding.weight`, 1);
  const as = (name: string) => [`text_model.${name}`, `${inner}${name}`] as const;
  return {
    config: {
      architectures: ["CLIPTextModel"],
      ...clipConfig(layers, width),
      hidden_act: "quick_gelu",
      intermediate_size: text.size(`${inner}encoder.layers.0.mlp.fc1.weight`, 0),
      projection_dim: width,
      vocab_size: text.size(`${inner}embeddings.token_embedding.weight`, 0),
      max_position_embeddings: text.size(`${inner}embeddings.position_embedding.weight`, 0),
    },
    rules: text.rules([
      weightOf(...as("embeddings.token_embedding")),
      weightOf(...as("embeddings.position_embedding")),
      ...upTo(layers).flatMap((layer) =>
        layerModules.flatMap((name) => moduleOf(...as(`encoder.layers.${layer}.${name}`))),
      ),
      ...moduleOf(...as("final_layer_norm")),
    ]),
  };
};

const layerModules = [
  "layer_norm1",
  "self_attn.q_proj",
  "self_attn.k_proj",
  "self_attn.v_proj",
  "self_attn.out_proj",
  "layer_norm2",
  "mlp.fc1",
  "mlp.fc2",
];

/** OpenCLIP with the projection of its text, the second encoder of XL. */
const readProjected = (text: Section): OriginalPart => {
  const { config, renamings } = openClip(text, text.count("transformer.resblocks."));
  return {
    config: {
      ...config,
      architectures: ["CLIPTextModelWithProjection"],
      projection_dim: text.size("text_projection", 1),
    },
    rules: text.rules([
      ...renamings,
      ["text_projection.weight", { source: "text_projection", take: { kind: "transposed" } }],
    ]),
  };
};

/** OpenCLIP up to its last layer but one. */
const readPenultimate = (text: Section): OriginalPart => {
  const { config, renamings } = openClip(text, usedLayers(text));
  return {
    config: { ...config, architectures: ["CLIPTextModel"], projection_dim: config.hidden_size },
    rules: text.rules(renamings),
  };
};

/**
 * Stable Diffusion 2.x reads the states before the last of OpenCLIP's 24 layers. Files that were written back from
 * diffusers lack that one.
 */
const usedLayers = (text: Section): number => {
  const stored = text.count("transformer.resblocks.");
  return stored === 23 ? stored : Math.max(0, stored - 1);
};

const unused = (text: Section): ((name: string) => boolean) => {
  const last = `${text.prefix}transformer.resblocks.${usedLayers(text)}.`;
  return (name) => name.startsWith(last) || name === `${text.prefix}text_projection`;
};

/** OpenCLIP's names: queries, keys and values lie in one tensor. */
const openClip = (text: Section, layers: number) => {
  const width = text.size("token_embedding.weight", 1);
  const config = {
    ...clipConfig(layers, width),
    hidden_act: "gelu",
    intermediate_size: text.size("transformer.resblocks.0.mlp.c_fc.weight", 0),
    vocab_size: text.size("token_embedding.weight", 0),
    max_position_embeddings: text.size("positional_embedding", 0),
  };
  const renamings: readonly Renaming[] = [
    weightOf("text_model.embeddings.token_embedding", "token_embedding"),
    ["text_model.embeddings.position_embedding.weight", { source: "positional_embedding" }],
    ...upTo(layers).flatMap((layer) => openClipLayer(layer, width)),
    ...moduleOf("text_model.final_layer_norm", "ln_final"),
  ];
  return { config, renamings };
};

const openClipLayer = (layer: number, width: number): Renaming[] => {
  const [to, from] = [`text_model.encoder.layers.${layer}`, `transformer.resblocks.${layer}`];
  return [
    ...moduleOf(`${to}.layer_norm1`, `${from}.ln_1`),
    ...["q_proj", "k_proj", "v_proj"].flatMap((name, third) =>
      ["weight", "bias"].map(
        (kind): Renaming => [
          `${to}.self_attn.${name}.${kind}`,
          {
            source: `${from}.attn.in_proj_${kind}`,
            take: { kind: "rows", start: third * width, end: (third + 1) * width, of: 3 * width },
          },
        ],
      ),
    ),
    ...moduleOf(`${to}.self_attn.out_proj`, `${from}.attn.out_proj`),
    ...moduleOf(`${to}.layer_norm2`, `${from}.ln_2`),
    ...moduleOf(`${to}.mlp.fc1`, `${from}.mlp.c_fc`),
    ...moduleOf(`${to}.mlp.fc2`, `${from}.mlp.c_proj`),
  ];
};

const clipConfig = (layers: number, width: number) => ({
  model_type: "clip_text_model",
  hidden_size: width,
  num_hidden_layers: layers,
  num_attention_heads: headsOf(width),
  layer_norm_eps: 1e-5,
  bos_token_id: 49406,
  eos_token_id: 49407,
});

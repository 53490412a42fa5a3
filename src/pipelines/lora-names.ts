/** The networks of a pipeline that a LoRA may change. */
export type LoraPart = "unet" | "text_encoder" | "text_encoder_2";

/** What the name of a tensor in a LoRA's file says. */
export interface LoraName {
  /** Undefined where it is no network known here. */
  readonly part: LoraPart | undefined;
  /** The changed module without regard to its spelling: see {@link flat}. */
  readonly module: string;
  /** ΔW = scale · up · down, scale from alpha. */
  readonly role: "down" | "up" | "alpha";
}

/** Other ways to change weights that files of the same ending hold, by what only they have in their names. */
const otherMethods: readonly (readonly [sign: RegExp, method: string])[] = [
  [/\.(dora_scale|lora_magnitude_vector)\b/, "DoRA"],
  [/\.hada_/, "LoHa"],
  [/\.lokr_/, "LoKr"],
  [/\.(oft_blocks|oft_diag|oft_R)\b/, "OFT"],
  [/\.boft_/, "BOFT"],
  [/\.(on_input|ia3_l)\b/, "IA³"],
  [/\.(lora_mid|lora_t2?)\b/, "LoCon by Tucker's decomposition"],
  [/\.(diff|diff_b)$/, "whole differences of weights"],
  [/\.lora_embedding_/, "LoRA of embeddings"],
  [/\.lora_(B|up)(\.\w+)?\.bias$/, "LoRA with biases"],
  [/\.(vera_|lora_ga)/, "VeRA"],
  [/^bundle_emb\./, "textual inversions bundled with a LoRA"],
];

/** The method other than LoRA that a name belongs to. */
export const otherMethod = (name: string): string | undefined =>
  otherMethods.find(([sign]) => sign.test(name))?.[1];

/** Of peft, diffusers' earlier layers and kohya's scripts; between them and `weight` may stand an adapter's name. */
const roles: readonly (readonly [pattern: RegExp, role: LoraName["role"]])[] = [
  [/(\.lora_A|\.lora_down|[._]lora\.down|\.lora_linear_layer\.down)(\.\w+)?\.weight$/, "down"],
  [/(\.lora_B|\.lora_up|[._]lora\.up|\.lora_linear_layer\.up)(\.\w+)?\.weight$/, "up"],
  [/((\.|_)lora|\.lora_linear_layer)?\.alpha$/, "alpha"],
];

const prefixes: readonly (readonly [prefix: RegExp, part: LoraPart])[] = [
  [/^(unet\.|lora_unet_)/, "unet"],
  [/^(text_encoder\.|lora_te1?_)/, "text_encoder"],
  [/^(text_encoder_2\.|lora_te2_)/, "text_encoder_2"],
  // Files of one network alone leave its name out.
  [/^(?=(down_blocks|mid_block|up_blocks|conv_in|conv_out|time_embedding|add_embedding)\.)/, "unet"],
  [/^(?=text_model\.)/, "text_encoder"],
];

/** What a tensor's name says, in any of the known spellings; undefined where it is none of a LoRA. */
export const readLoraName = (name: string): LoraName | undefined => {
  const found = roles.find(([pattern]) => pattern.test(name));
  if (!found) return undefined;
  const [pattern, role] = found;
  const path = name.replace(/^base_model\.model\./, "").replace(pattern, "");
  const [prefix, part] = prefixes.find(([each]) => each.test(path)) ?? [/^/, undefined];
  return { part, module: flat(path.replace(prefix, "")), role };
};

/**
 * Spellings of one module made equal: kohya's scripts write dots as underscores, diffusers' first LoRAs belonged to
 * processors of attention.
 */
export const flat = (module: string): string => module.replace(".processor.", ".").replaceAll(".", "_");

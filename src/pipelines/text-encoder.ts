import { ArgumentError, NDArray } from "../base/index.ts";
import type { ClipTextModel, ClipTextModelWithProjection } from "../models/index.ts";
import type { Tensor } from "../tensor/index.ts";
import type { EvaluateOptions } from "../train/index.ts";
import { type OpenNetwork, openNetwork } from "./network.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** A text as networks are told of it. */
export interface EncodedText {
  /** [1, tokens, width] */
  readonly states: NDArray;
  /** Of the whole text, [1, width]; null for an encoder without projection. */
  readonly pooled: NDArray | null;
  /** What the encoder has no room for, at the text's end. */
  readonly cut: string | null;
}

/** An opened text encoder and its tokenizer. Close it when done. */
export interface TextEncoder {
  /** @param skip how many of the last layers are left out */
  encode(text: string, skip?: number): Promise<EncodedText>;
  close(): Promise<void>;
}

/**
 * Which states stand for a text: those after the last layer, normalised, as Stable Diffusion has it; or those before
 * the last layer as they are (Podell et al. 2023, section 2.1).
 */
export type StatesOf = "last" | "penultimate";

/** Opens a text encoder with its weights. */
export const openTextEncoder = (
  module: ClipTextModel | ClipTextModelWithProjection,
  tokenizer: Tokenizer,
  statesOf: StatesOf,
  options: EvaluateOptions = {},
): TextEncoder => {
  let open: { readonly skip: number; readonly network: OpenNetwork } | undefined;
  const networkFor = async (skip: number): Promise<OpenNetwork> => {
    if (open?.skip === skip) return open.network;
    await open?.network.close();
    const network = openNetwork(
      module,
      ({ ids }) => outputsOf(module, statesOf, skip)(ids as Tensor),
      options,
    );
    open = { skip, network };
    return network;
  };
  return {
    async encode(text, skip = 0) {
      requireLayers(module, statesOf, skip);
      const { ids, cut } = tokenizer.encode(text);
      const network = await networkFor(skip);
      const { states, pooled } = await network.run({ ids: NDArray.of(ids, [1, ids.length], "int32") });
      return { states: states as NDArray, pooled: pooled ?? null, cut };
    },
    async close() {
      await open?.network.close();
    },
  };
};

const outputsOf =
  (module: ClipTextModel | ClipTextModelWithProjection, statesOf: StatesOf, skip: number) =>
  (ids: Tensor): Record<string, Tensor> => {
    const found = module.forward(ids);
    const layer = (back: number) => found.hiddenStates.at(-1 - back) as Tensor;
    const states =
      statesOf === "penultimate"
        ? layer(1 + skip)
        : skip === 0
          ? found.lastHiddenState
          : module.text_model.final_layer_norm.forward(layer(skip));
    return { states, ...("textEmbeds" in found && { pooled: found.textEmbeds as Tensor }) };
  };

const requireLayers = ({ config }: Pick<ClipTextModel, "config">, statesOf: StatesOf, skip: number): void => {
  const most = config.num_hidden_layers - (statesOf === "penultimate" ? 1 : 0);
  if (Number.isInteger(skip) && skip >= 0 && skip <= most) return;
  throw new ArgumentError({
    who: "clip skip",
    expected: `a whole number from 0 to ${most}, as there are ${config.num_hidden_layers} layers`,
    got: String(skip),
  });
};

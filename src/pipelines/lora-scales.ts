import { z } from "zod";
import { ArgumentError, parseAs } from "../base/index.ts";
import { flat, type LoraPart } from "./lora-names.ts";

/** The factor of a layer that has no alpha of its own. */
export type AdapterScales = (part: LoraPart, module: string, rank: number) => number;

/** peft's configuration of one network's adapter, of which this much is read. */
const adapter = z.object({
  lora_alpha: z.number().optional(),
  alpha_pattern: z.record(z.string(), z.number()).nullish(),
  use_rslora: z.boolean().nullish(),
  use_dora: z.literal(false, { error: () => "DoRA is not supported" }).nullish(),
});

/**
 * Factors by the metadata that diffusers writes (`lora_adapter_metadata`): alpha / r, or alpha / √r where rank-stabilised
 * (Kalajdzievski 2023). Without it 1.
 * @throws ArgumentError for metadata of another form
 */
export const adapterScales = (
  metadata: Readonly<Record<string, string>> = {},
  who: string,
): AdapterScales => {
  const text = metadata.lora_adapter_metadata;
  if (text === undefined) return () => 1;
  const fields = Object.entries(parsed(text, who));
  const configOf = (part: LoraPart) => {
    const own = fields.flatMap(([key, value]) =>
      key.startsWith(`${part}.`) ? [[key.slice(part.length + 1), value] as const] : [],
    );
    return parseAs(adapter, Object.fromEntries(own), { who, expected: "peft's configuration of an adapter" });
  };
  return (part, module, rank) => {
    const { lora_alpha = rank, alpha_pattern, use_rslora } = configOf(part);
    const own = Object.entries(alpha_pattern ?? {}).find(([pattern]) => endsWith(module, pattern));
    return (own?.[1] ?? lora_alpha) / (use_rslora ? Math.sqrt(rank) : rank);
  };
};

const parsed = (text: string, who: string): object => {
  try {
    return Object(JSON.parse(text));
  } catch (cause) {
    throw new ArgumentError(
      { who, expected: "JSON as lora_adapter_metadata", got: (cause as Error).message },
      { cause },
    );
  }
};

/** A pattern names a module by the last parts of its path. */
const endsWith = (module: string, pattern: string): boolean =>
  `_${module}`.endsWith(`_${flat(pattern.replace(/^\^/, ""))}`);

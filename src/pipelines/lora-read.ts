import { ArgumentError, type NDArray } from "../base/index.ts";
import { loraBase } from "./lora-base.ts";
import type { LoraFile } from "./lora-file.ts";
import { type LoraPart, otherMethod, readLoraName } from "./lora-names.ts";
import { type AdapterScales, adapterScales } from "./lora-scales.ts";

/** The change of one module's weight: ΔW = scale · up · down. */
export interface LoraLayer {
  readonly part: LoraPart;
  /** The module's flat name. */
  readonly module: string;
  /** Its name in the file. */
  readonly label: string;
  /** [r, …] */
  readonly down: NDArray;
  /** [o, r, …] */
  readonly up: NDArray;
  readonly scale: number;
}

/** What is gathered of a layer while its names are read. */
interface Pieces {
  readonly part: LoraPart;
  readonly module: string;
  readonly label: string;
  readonly down?: NDArray;
  readonly up?: NDArray;
  readonly alpha?: NDArray;
}

/**
 * The layers of a LoRA in diffusers', peft's or kohya's naming.
 * @throws ArgumentError for another method than LoRA, by its name, and for names that are unknown or lack their other
 * half, all of them
 */
export const readLora = (file: LoraFile): readonly LoraLayer[] => {
  const who = file.name ?? "LoRA";
  const names = [...file.tensors.keys()];
  const methods = new Set(names.map(otherMethod).filter((method) => method !== undefined));
  if (methods.size)
    throw new ArgumentError({ who, expected: "a LoRA of products up · down", got: [...methods].join(", ") });
  const unknown = names.filter((name) => readLoraName(name)?.part === undefined);
  const layers = [...gather(file.tensors).values()];
  const faults = [...unknown.map((name) => `unknown ${name}`), ...layers.flatMap(halfFault)];
  if (faults.length || layers.length === 0) {
    const base = loraBase(file);
    throw new ArgumentError({
      who,
      expected: "layers of Stable Diffusion's U-Net and text encoders",
      got: faults.join("; ") || "none",
      ...(base && { hint: `it seems to be made for ${base}` }),
    });
  }
  const scales = adapterScales(file.metadata, who);
  return layers.map((pieces) => finished(pieces as Required<Pieces>, scales));
};

const gather = (tensors: ReadonlyMap<string, NDArray>): Map<string, Pieces> => {
  const layers = new Map<string, Pieces>();
  for (const [name, array] of tensors) {
    const { part, module, role } = readLoraName(name) ?? {};
    if (!part || module === undefined || !role) continue;
    const key = `${part}.${module}`;
    layers.set(key, { label: name, ...layers.get(key), part, module, [role]: array });
  }
  return layers;
};

const halfFault = ({ label, down, up, alpha }: Pieces): string[] => {
  if (!down || !up) return [`${label} without its other half`];
  if (down.shape[0] !== up.shape[1] || down.shape.length < 2)
    return [`${label}, whose halves are [${up.shape}] and [${down.shape}]`];
  const all = [down, up, ...(alpha ? [alpha] : [])];
  return all.every((array) => array.isFinite()) ? [] : [`${label}, which is not finite`];
};

/** Without an alpha it is the rank itself. */
const finished = ({ alpha, ...layer }: Required<Pieces>, scales: AdapterScales): LoraLayer => {
  const rank = layer.down.shape[0] as number;
  const scale = alpha ? (alpha.data[0] as number) / rank : scales(layer.part, layer.module, rank);
  return { ...layer, scale };
};

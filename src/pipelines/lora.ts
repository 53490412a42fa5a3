import { ArgumentError, type NDArray, type Shape, ShapeError, showShape } from "../base/index.ts";
import { loraBase } from "./lora-base.ts";
import type { LoraFile } from "./lora-file.ts";
import type { LoraPart } from "./lora-names.ts";
import { openLowRankSum } from "./lora-product.ts";
import { type LoraLayer, readLora } from "./lora-read.ts";
import { loraTargets } from "./lora-targets.ts";

/** A LoRA and how much of it is wanted: 1 as it was trained, 0 nothing. */
export interface WeightedLora extends LoraFile {
  readonly scale: number;
}

/** The networks that a LoRA changes. @throws ArgumentError as {@link readLora} */
export const loraParts = (lora: LoraFile): readonly LoraPart[] => [
  ...new Set(readLora(lora).map(({ part }) => part)),
];

/**
 * The weights of a network that LoRAs change (Hu et al. 2021, eq. 3): W + Σ scale · (alpha / r) · up · down. Linear layers
 * and convolutions, of any rank each; alpha is r where a file has none.
 * @param weights the network's tensors by diffusers' names @param part which of a file's networks it is
 * @returns the changed tensors alone; none where no LoRA changes this network
 * @throws ShapeError that lists every layer that does not fit, and says of which base the LoRA seems to be;
 * ArgumentError for what is no LoRA
 */
export const applyLoras = async (
  weights: ReadonlyMap<string, NDArray>,
  loras: readonly WeightedLora[],
  part: LoraPart,
): Promise<Map<string, NDArray>> => {
  const targets = loraTargets(weights);
  const changes = new Map<string, LoraLayer[]>();
  for (const lora of loras)
    for (const [name, layer] of fitted(lora, { part, weights, targets }))
      changes.set(name, [...(changes.get(name) ?? []), layer]);
  if (changes.size === 0) return new Map();
  const sum = await openLowRankSum();
  try {
    const changed = new Map<string, NDArray>();
    for (const [name, layers] of changes) changed.set(name, await sum(weights.get(name) as NDArray, layers));
    return changed;
  } finally {
    await sum.close();
  }
};

interface Network {
  readonly part: LoraPart;
  readonly weights: ReadonlyMap<string, NDArray>;
  readonly targets: ReadonlyMap<string, string>;
}

/** The layers of a LoRA in one network by the weights they change; their scales are the LoRA's too. */
const fitted = (lora: WeightedLora, network: Network): readonly (readonly [string, LoraLayer])[] => {
  const who = lora.name ?? "LoRA";
  if (!Number.isFinite(lora.scale))
    throw new ArgumentError({ who, expected: "a finite scale", got: String(lora.scale) });
  const layers = readLora(lora).filter(({ part }) => part === network.part);
  const faults = layers.flatMap((layer) => fault(layer, network));
  if (faults.length) {
    const base = loraBase(lora);
    throw new ShapeError({
      who,
      expected: `layers that fit this ${network.part}`,
      got: faults.join("; "),
      ...(base && { hint: `it seems to be made for ${base}` }),
    });
  }
  return layers.map((layer) => [
    network.targets.get(layer.module) as string,
    { ...layer, scale: layer.scale * lora.scale },
  ]);
};

const fault = ({ module, label, up, down }: LoraLayer, { weights, targets }: Network): string[] => {
  const shape = weights.get(targets.get(module) ?? "")?.shape;
  if (!shape) return [`no layer for ${label}`];
  const product = [up.shape[0] as number, ...down.shape.slice(1)];
  return trimmed(product) === trimmed(shape) && trimmed(up.shape.slice(2)) === ""
    ? []
    : [`${label} makes ${showShape(product)} for a weight ${showShape(shape)}`];
};

/** A 1×1 convolution is a matrix too. */
const trimmed = (shape: Shape): string => shape.join().replace(/(,?\b1)+$/, "");

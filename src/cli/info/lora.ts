import type { Shapes } from "../../formats/index.ts";
import { loraBase, otherMethod, readLoraName } from "../../pipelines/index.ts";
import { row, showCount } from "./row.ts";
import { supportRows } from "./source.ts";

/** Whether names are those of a LoRA, or of another way to change weights. */
export const isLora = (names: Iterable<string>): boolean =>
  [...names].some((name) => readLoraName(name)?.role === "down" || otherMethod(name) !== undefined);

/** What changes the weights of networks: which, of which base, and by how much. */
export const describeLora = (
  path: string,
  tensors: Shapes,
  metadata: Readonly<Record<string, string>>,
): string[] => {
  const names = [...tensors.keys()];
  const methods = [...new Set(names.flatMap((name) => otherMethod(name) ?? []))];
  const strange = names.filter((name) => readLoraName(name)?.part === undefined && !otherMethod(name));
  const faults = [
    ...(methods.length ? [`expected products up · down, got ${methods.join(", ")}`] : []),
    ...(strange.length ? [`expected layers of the U-Net or text encoders, got ${firstOf(strange)}`] : []),
  ];
  return [
    row("kind", methods.length ? methods.join(", ") : "a LoRA"),
    row("base", loraBase({ tensors, metadata }) ?? "not known"),
    ...[...ranksOf(tensors)].map(([part, ranks]) => row(part, rankWords(ranks))),
    ...supportRows(faults),
    ...(faults.length ? [] : [row("to use", `undiffuse generate … --lora ${path}:1`)]),
  ];
};

/** The ranks of each network's layers. */
const ranksOf = (tensors: Shapes): Map<string, number[]> => {
  const ranks = new Map<string, number[]>();
  for (const [name, { shape }] of tensors) {
    const { part = "other networks", role } = readLoraName(name) ?? {};
    if (role === "down") ranks.set(part, [...(ranks.get(part) ?? []), shape[0] ?? 0]);
  }
  return ranks;
};

const rankWords = (ranks: readonly number[]): string => {
  const different = [...new Set(ranks)].sort((a, b) => a - b);
  return `${showCount(ranks.length, "layer")} of rank ${different.join(", ")}`;
};

const firstOf = (names: readonly string[]): string =>
  names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");

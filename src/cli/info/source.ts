import type { Component } from "../../formats/index.ts";
import {
  faultWords,
  type PipelineSource,
  type SourceKind,
  sourceWords,
  spareParts,
  supportOf,
  type TensorTotals,
  totalsOf,
} from "../../pipelines/index.ts";
import { row, showBytes } from "./row.ts";
import { showTotals } from "./tensors.ts";

/** What a pipeline's picture begins with, in words. */
const beginnings: Readonly<Record<SourceKind | "none", string>> = { none: "noise", ...sourceWords };

/** What a pipeline consists of, from the headers of its files, and all that is not supported. */
export const describeSource = async (
  source: PipelineSource,
): Promise<{ readonly rows: readonly string[]; readonly faults: readonly string[] }> => {
  const { sources, faults } = await supportOf(source);
  const parts = [];
  for (const name of source.parts) parts.push(await describePart(source, name));
  const totals = parts.flatMap((part) => (part.totals && !spareParts.has(part.name) ? [part.totals] : []));
  return {
    rows: [
      row("pipeline", source.className),
      ...(sources.length ? [row("begins with", sources.map((each) => beginnings[each]).join(", "))] : []),
      ...parts.map(({ name, words }) => row(name, words)),
      ...(totals.length ? [row("weights", showSum(totals))] : []),
    ],
    faults,
  };
};

/** Whether it is supported, and all that is not. */
export const supportRows = (faults: readonly string[]): string[] =>
  faults.length
    ? faults.map((fault, i) => row(i === 0 ? "supported" : "", `${i === 0 ? "no: " : ""}${fault}`))
    : [row("supported", "yes")];

interface Part {
  readonly name: string;
  readonly words: string;
  /** Of models. */
  readonly totals?: TensorTotals;
}

const describePart = async (source: PipelineSource, name: string): Promise<Part> => {
  try {
    const component = await source.component(name);
    await component.weights?.close();
    return { name, ...componentWords(component) };
  } catch (error) {
    const words = faultWords(error);
    return { name, words: spareParts.has(name) ? "not there, and not needed" : words };
  }
};

/** A component's class and its weights, or what else is worth knowing. */
export const componentWords = ({ className, config, weights }: Component): Omit<Part, "name"> => {
  if (weights) {
    const totals = totalsOf(weights.tensors.values());
    return { words: `${className}, ${showTotals(totals)}`, totals };
  }
  const facts = ["prediction_type", "beta_schedule", "timestep_spacing"].flatMap((key) =>
    typeof config[key] === "string" ? [config[key]] : [],
  );
  return { words: [className, ...facts].join(", ") };
};

const showSum = (all: readonly TensorTotals[]): string => {
  const sum = (key: "tensors" | "parameters" | "bytes") => all.reduce((total, each) => total + each[key], 0);
  const dtypes = [...new Set(all.flatMap((each) => each.dtypes))];
  const parameters = sum("parameters");
  const totals = { tensors: sum("tensors"), parameters, bytes: sum("bytes"), dtypes };
  return `${showTotals(totals)}; ${showBytes(4 * parameters)} in memory, as fp32`;
};

import type { TensorTotals } from "../../pipelines/index.ts";
import { row, showBytes, showCount, summarise } from "./row.ts";

/** `859,520,964 parameters, F16, 1.72 GB` */
export const showTotals = ({ parameters, dtypes, bytes }: TensorTotals): string =>
  [showCount(parameters, "parameter"), dtypes.join(" and "), showBytes(bytes)].filter(Boolean).join(", ");

/** How much of a text is shown. */
const MOST_LETTERS = 100;

/** What a file says beside its tensors, long texts cut. */
export const metadataRows = (metadata: Readonly<Record<string, string>>, shown = 20): string[] => {
  const entries = Object.entries(metadata);
  const rest = entries.slice(shown).map(([key]) => key);
  return [
    ...entries.slice(0, shown).map(([key, value]) => row("metadata", `${key}: ${short(value)}`)),
    ...(rest.length ? [row("", `and ${summarise(rest)}`)] : []),
  ];
};

const short = (text: string): string => {
  const line = text.replaceAll(/\s+/g, " ");
  return line.length <= MOST_LETTERS ? line : `${line.slice(0, MOST_LETTERS)} … (${text.length} letters)`;
};

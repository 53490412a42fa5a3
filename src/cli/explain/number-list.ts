import type { Field } from "../command.ts";
import { UsageError } from "../command.ts";

/** Numbers with commas. */
export const numbersField = (help: string, fallback: string): Field<string> => ({
  help,
  value: "numbers",
  fallback,
});

interface Limits {
  readonly who: string;
  readonly least: number;
  /** Whether fractions are refused. */
  readonly whole?: boolean;
}

/** The numbers of a list with commas, in rising order, once each. @throws UsageError that names the option `who` */
export const numbersIn = (list: string, { who, least, whole = false }: Limits): number[] => {
  const numbers = list.split(",").map((word) => (word.trim() === "" ? Number.NaN : Number(word)));
  const fits = (n: number) => Number.isFinite(n) && n >= least && (!whole || Number.isInteger(n));
  if (numbers.every(fits)) return [...new Set(numbers)].sort((a, b) => a - b);
  throw new UsageError({
    who,
    expected: `${whole ? "whole numbers" : "numbers"} of at least ${least} with commas`,
    got: `"${list}"`,
  });
};

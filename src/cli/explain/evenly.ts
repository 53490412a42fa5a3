import { UsageError } from "../command.ts";

const MOST = 50;

/** So many of the indices 0 … count − 1, both ends among them. @throws UsageError that names the option `who` */
export const evenly = (
  wanted: number,
  { who, count }: { readonly who: string; readonly count: number },
): number[] => {
  const most = Math.min(MOST, count);
  if (wanted > most) throw new UsageError({ who, expected: `2 to ${most}`, got: String(wanted) });
  return Array.from({ length: wanted }, (_, k) => Math.round((k * (count - 1)) / (wanted - 1)));
};

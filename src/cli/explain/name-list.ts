import { UsageError } from "../command.ts";

/**
 * The names in a list with commas, each once.
 * @throws UsageError for one that is not known
 */
export const namesIn = <N extends string>(option: string, list: string, known: readonly N[]): N[] => {
  const nameOf = (word: string): N => {
    const name = known.find((candidate) => candidate === word);
    if (name) return name;
    throw new UsageError({ who: option, expected: `some of ${known.join(", ")}`, got: `"${word}"` });
  };
  return [...new Set(list.split(",").map((word) => nameOf(word.trim())))];
};

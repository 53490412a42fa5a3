/** A word as the JSON that it is, or as itself. */
export const literal = (word: string): unknown => {
  try {
    return JSON.parse(word);
  } catch {
    return word;
  }
};

/** The word that {@link literal} reads as this. */
export const literalWord = (value: unknown): string =>
  typeof value === "string" ? value : JSON.stringify(value);

/** Parts between commas, except those inside of brackets and braces. */
export const splitOutsideBrackets = (words: string): string[] => words.split(/,(?![^[\]{}]*[\]}])/);

import { type Field, UsageError } from "./command.ts";

/** The option --strength: a share above 0 and at most 1. */
export const strength = (help: string): Field<number | undefined> => ({
  help,
  value: "x",
  parse: (word) => {
    const x = Number(word);
    if (x > 0 && x <= 1) return x;
    throw new UsageError({ who: "--strength", expected: "above 0 and at most 1", got: `"${word}"` });
  },
});

/** A line of what a command says: a name, and what it is. */
export const row = (name: string, value: unknown): string => `${name.padEnd(13)} ${value}`;

/** The first of a list, and how many there are. */
export const summarise = (names: readonly string[], shown = 20): string =>
  names.length <= shown ? names.join(", ") : `${names.slice(0, shown).join(", ")} … (${names.length})`;

/** Bytes as people say them, in thousands. */
export const showBytes = (bytes: number): string => {
  const [unit, size] = units.find(([, size]) => bytes >= size) ?? ["B", 1];
  return `${unit === "B" ? bytes : (bytes / size).toFixed(2)} ${unit}`;
};
const units = [
  ["GB", 1e9],
  ["MB", 1e6],
  ["kB", 1e3],
] as const;

export const showCount = (n: number, noun: string): string =>
  `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

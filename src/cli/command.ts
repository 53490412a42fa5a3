import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { UndiffuseError } from "../base/index.ts";

/** An option or argument: how its text becomes a value, and what stands when it is absent. */
export interface Field<T> {
  readonly help: string;
  /** What the value is called in the help; flags have none. */
  readonly value?: string;
  readonly short?: string;
  readonly choices?: readonly string[];
  readonly fallback?: T;
  readonly parse?: (text: string) => T;
}
type Fields = Readonly<Record<string, Field<unknown>>>;
type Values<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

type Extras<T> = Partial<Omit<Field<T>, "help" | "parse">>;

const failed = (expected: string, text: string): never => {
  throw new InvalidArgumentError(`expected ${expected}, got "${text}".`);
};

/** Any text; undefined when absent, unless a fallback is given. */
export const text = <T extends string | undefined = string | undefined>(
  help: string,
  extras: Extras<T> = {},
): Field<T> => ({ value: "text", help, ...extras });

/** One of several words. */
export const choice = <const T extends string>(
  help: string,
  choices: readonly T[],
  extras: Extras<T | undefined> = {},
): Field<T | undefined> => ({ value: "name", help, choices, ...extras });

/** A whole number of at least `least`, also as 1e4. */
export const integer = <T extends number | undefined = number | undefined>(
  help: string,
  { least = 0, ...extras }: Extras<T> & { readonly least?: number } = {},
): Field<T> => ({
  value: "n",
  help,
  parse: (word) => {
    const n = Number(word);
    return (
      Number.isSafeInteger(n) && n >= least && /^\d+(e\d+)?$/i.test(word)
        ? n
        : failed(`a whole number of at least ${least}`, word)
    ) as T;
  },
  ...extras,
});

/** A finite number of at least `least`. */
export const decimal = <T extends number | undefined = number | undefined>(
  help: string,
  { least = 0, ...extras }: Extras<T> & { readonly least?: number } = {},
): Field<T> => ({
  value: "x",
  help,
  parse: (word) => {
    const x = word.trim() === "" ? Number.NaN : Number(word);
    return (Number.isFinite(x) && x >= least ? x : failed(`a number of at least ${least}`, word)) as T;
  },
  ...extras,
});

/** On or off. */
export const flag = (help: string): Field<boolean> => ({ help, fallback: false });

/** A command as data: what it takes, what it teaches and what it does. */
export interface CommandSpec<A extends Fields, O extends Fields> {
  readonly name: string;
  readonly summary: string;
  /** Paragraphs of the help below the summary. */
  readonly description?: string;
  /** In order; one without a fallback key must be given. */
  readonly arguments: A;
  readonly options: O;
  readonly examples: readonly (readonly [line: string, what: string])[];
  readonly run: (values: Values<A> & Values<O>) => Promise<void>;
}
// biome-ignore lint/suspicious/noExplicitAny: a list of commands of all kinds
export type AnyCommand = CommandSpec<any, any>;

/** Declares a command; the types of its values follow from its fields. */
export const defineCommand = <A extends Fields, O extends Fields>(
  spec: CommandSpec<A, O>,
): CommandSpec<A, O> => spec;

/** Commands that share a first word, as `explain schedule`. */
export interface CommandGroup {
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly AnyCommand[];
}

/** An option's name as it is typed. */
export const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const toOption = (name: string, field: Field<unknown>): Option => {
  const short = field.short ? `-${field.short}, ` : "";
  const option = new Option(`${short}--${kebab(name)}${field.value ? ` <${field.value}>` : ""}`, field.help);
  if (field.choices) option.choices(field.choices);
  else if (field.parse) option.argParser(field.parse);
  if (field.fallback !== undefined && field.fallback !== false) option.default(field.fallback);
  return option;
};

const toCommander = (spec: AnyCommand): Command => {
  const command = new Command(spec.name).summary(spec.summary);
  command.description(spec.description ? `${spec.summary}\n\n${spec.description}` : spec.summary);
  const names = Object.keys(spec.arguments);
  for (const [name, field] of Object.entries(spec.arguments as Fields)) {
    const optional = "fallback" in field;
    command.argument(optional ? `[${name}]` : `<${name}>`, field.help, field.fallback);
  }
  for (const [name, field] of Object.entries(spec.options as Fields))
    command.addOption(toOption(name, field));
  const examples = (spec.examples as AnyCommand["examples"]).map(
    ([line, what]) => `  ${line}\n      ${what}`,
  );
  command.addHelpText("after", `\nExamples:\n${examples.join("\n")}`);
  return command.action(async (...received) => {
    const given = Object.fromEntries(names.map((name, i) => [name, received[i]]));
    await spec.run({ ...defaults(spec.options), ...given, ...command.opts() });
  });
};

const defaults = (fields: Fields): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).map(([name, { fallback }]) => [name, fallback]));

/** Words that can be read but make no sense here, or not together. */
export class UsageError extends UndiffuseError {}

/** Exit codes of the program. */
export const exitCodes = { done: 0, failed: 1, usage: 2 } as const;

/** What each first word brings; loaded when it is said. */
export type Parts = Readonly<Record<string, () => Promise<AnyCommand | CommandGroup>>>;

/**
 * Runs a program of commands and gives its exit code: an {@link UndiffuseError} is printed without its
 * stack, anything else is a fault of ours and comes with it.
 */
export const runProgram = async (
  program: { readonly name: string; readonly summary: string; readonly version: string },
  parts: Parts,
  words: readonly string[],
): Promise<number> => {
  const root = new Command(program.name).description(program.summary);
  root.version(program.version, VERSION.join(", "), "print the version");
  for (const part of await loadParts(parts, words[0]))
    root.addCommand("commands" in part ? groupOf(part) : toCommander(part));
  root.addHelpText(
    "after",
    `\nRun ${program.name} <command> --help for what a command takes, with examples.`,
  );
  prepare(root);
  try {
    await root.parseAsync(words, { from: "user" });
    return exitCodes.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    process.stderr.write(`${error instanceof UndiffuseError ? error.message : (error as Error).stack}\n`);
    return error instanceof UsageError ? exitCodes.usage : exitCodes.failed;
  }
};

/** The part that is named, or all of them, to list; the version needs none. */
const loadParts = (parts: Parts, word = ""): Promise<(AnyCommand | CommandGroup)[]> =>
  Promise.all(
    Object.entries(parts)
      .filter(([name]) => name === word || !(Object.hasOwn(parts, word) || VERSION.includes(word)))
      .map(([, load]) => load()),
  );

const VERSION = ["-v", "--version"];

const groupOf = ({ name, summary, commands }: CommandGroup): Command => {
  const group = new Command(name).description(summary);
  for (const spec of commands) group.addCommand(toCommander(spec));
  return group;
};

/** Every command throws instead of ending the process, and points to its help after a wrong word. */
const prepare = (command: Command): void => {
  command.exitOverride().showHelpAfterError("(add --help to see what it takes)").helpCommand(false);
  for (const child of command.commands) prepare(child);
};

import { basename } from "node:path";
import { type CommandSpec, defineCommand, type Field, text, UsageError } from "../command.ts";
import { shellLine } from "../provenance.ts";
import { checkPicturePath, type Picture, writePicture } from "./picture.ts";

type Fields = Readonly<Record<string, Field<unknown>>>;
/** What the options of a picture come to. */
type OptionValues<O extends Fields> = {
  readonly [K in keyof O]: O[K] extends Field<infer T> ? T : never;
};

interface PictureSpec<O extends Fields> extends Pick<CommandSpec<never, O>, "name" | "summary" | "examples"> {
  readonly description: string;
  readonly options: O;
  /** By option, those that mean nothing beside it, and those that mean nothing without it. */
  readonly rules?: { readonly [K in keyof O]?: Rule<O> };
  readonly draw: (values: OptionValues<O>) => Promise<Picture>;
}

interface Rule<O> {
  readonly excludes: readonly (keyof O & string)[];
  readonly enables?: readonly (keyof O & string)[];
}

const outField = (name: string): Field<string> =>
  text<string>("where to write: .svg or .png", {
    short: "o",
    value: "file",
    fallback: `explain-${name}.svg`,
  });

/** A command that draws one picture into `--out`, where the picture says which command made it. */
export const definePicture = <O extends Fields>({ draw, rules = {}, ...spec }: PictureSpec<O>) =>
  defineCommand({
    ...spec,
    arguments: {},
    options: { out: outField(spec.name), ...spec.options } as Fields & { readonly out: Field<string> },
    async run({ out, ...values }) {
      checkPicturePath(out);
      const used = meaningful(rules as Rules, spec.options, values);
      const picture = await draw(values as OptionValues<O>);
      await writePicture(out, picture, pictureCommand(spec.name, { ...used, out: basename(out) }));
    },
  });

type Values = Readonly<Record<string, unknown>>;
type Rules = Readonly<Record<string, Rule<Fields> | undefined>>;

/**
 * The values without those that mean nothing beside the others.
 * @throws UsageError when one of those was given
 */
const meaningful = (rules: Rules, fields: Fields, values: Values): Values => {
  const isGiven = (name: string): boolean => values[name] !== fields[name]?.fallback;
  const idle = Object.entries(rules).flatMap(([name, { excludes, enables = [] } = { excludes: [] }]) => {
    const names = isGiven(name) ? excludes : enables;
    const wrong = names.find(isGiven);
    if (wrong === undefined) return names;
    const [expected, got] = isGiven(name)
      ? [`no ${optionOf(name)} beside it`, "both"]
      : [optionOf(name), "none"];
    throw new UsageError({ who: optionOf(wrong), expected, got });
  });
  return Object.fromEntries(Object.entries(values).filter(([name]) => !idle.includes(name)));
};

const optionOf = (name: string): string =>
  `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** The command line that draws a picture again: with defaults too, as those may change. */
const pictureCommand = (name: string, values: Values): string =>
  shellLine(["undiffuse", "explain", name, ...Object.entries(values).flatMap(wordsOf)]);

const wordsOf = ([name, value]: readonly [string, unknown]): string[] => {
  if (value === undefined || value === false) return [];
  return value === true ? [optionOf(name)] : [optionOf(name), String(value)];
};

import { type PictureSizes, type Survey, surveyDataset } from "../data/index.ts";
import { choice, defineCommand, flag, integer, text } from "./command.ts";
import { openDataSource } from "./recipe-source.ts";
import { openImages } from "./train.ts";

/** Classes, and paths of one reason, that are listed unless all are asked for. */
const SHOWN = 10;

export const dataCommand = defineCommand({
  name: "data",
  summary: "Say what a training would learn from: images, classes, sizes, and what is skipped",
  description: `Opens the data as a training does: each picture is decoded, so damaged ones
are found now, and what was decoded is kept, so the training starts at once.
Interrupted, it goes on where it was.

  pictures   found in the folder, the smallest and the largest, and how many
             have a side that is shorter than the images and so are enlarged
  skipped    files that are no part of the data, by the reason`,
  arguments: {
    source: text<string>("a folder of images, a packaged recipe, a recipe file, or the folder of a run"),
  },
  options: {
    size: integer("side of the images in pixels", { least: 1 }),
    classes: choice("whether each first-level folder is a class", ["folders", "none"]),
    all: flag("list every class and every skipped file"),
  },
  examples: [
    ["undiffuse data ~/photos --size 64", "what a training on this folder would learn from"],
    ["undiffuse data ~/photos --classes folders", "and how many images each class has"],
    ["undiffuse data mine.json --all", "what a recipe trains on, with every skipped file"],
  ],
  async run({ source, size, classes, all }) {
    const { spec } = await openDataSource(source, { size, classes });
    const survey = await surveyDataset(spec, await openImages(spec));
    process.stdout.write(`${describe(survey, all ? Number.POSITIVE_INFINITY : SHOWN).join("\n")}\n`);
  },
});

const row = (name: string, value: unknown): string => `${name.padEnd(10)}${value}`;

const describe = (survey: Survey, shown: number): string[] => [
  row("data", survey.name),
  row("images", `${survey.images} of ${survey.image.join("×")}`),
  ...(survey.notice === null ? [] : [row("notice", survey.notice)]),
  ...(survey.caption === null ? [] : [row("captions", `as "${survey.caption}"`)]),
  ...(survey.pictures ? describePictures(survey.pictures, survey.images) : []),
  ...describeClasses(survey.classes ?? [], shown),
  ...survey.skipped.flatMap(({ reason, paths }) => [
    row("skipped", `${paths.length}: ${reason}`),
    ...listed(paths, shown),
  ]),
];

const describePictures = ({ smallest, largest, enlarged }: PictureSizes, count: number): string[] => [
  row("smallest", `${smallest.height}×${smallest.width}, ${smallest.path}`),
  row("largest", `${largest.height}×${largest.width}, ${largest.path}`),
  row("enlarged", `${enlarged} of ${count} pictures`),
];

const describeClasses = (classes: NonNullable<Survey["classes"]>, shown: number): string[] =>
  classes.length === 0
    ? []
    : [
        row("classes", classes.length),
        ...listed(
          classes.map(({ name, count }) => `${String(count).padStart(7)}  ${name}`),
          shown,
        ),
      ];

/** The first lines, indented, and how many more there are. */
const listed = (lines: readonly string[], shown: number): string[] => [
  ...lines.slice(0, shown).map((line) => `  ${line}`),
  ...(lines.length > shown ? [`  … ${lines.length - shown} more (--all lists them)`] : []),
];

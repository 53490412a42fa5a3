import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { ArgumentError, FileError } from "../../base/index.ts";
import type { Dataset } from "../../data/index.ts";
import { recipes } from "../../recipes/index.ts";
import { openTrained, parseRecipe, type Recipe, stagesOf, trainingOf } from "../../systems/index.ts";
import { dataShape } from "../../train/index.ts";
import { shellLine } from "../provenance.ts";
import { openImages } from "../train.ts";
import { budgetOf, type Contender } from "./contenders.ts";

/** A trained run that takes part. */
export interface ReadyRun {
  readonly folder: string;
  readonly recipe: Recipe;
  readonly checkpoint: { readonly path: string; readonly step: number; readonly sha256: string };
  readonly parameters: number;
  /** Of the data that it was trained on. */
  readonly data: string;
  readonly classes: readonly string[] | null;
}

/** A run that does not, and what would train it. */
export interface AbsentRun {
  readonly folder: string;
  readonly state: string;
  readonly command: string;
}

/** The runs of contenders by the name of their recipe. */
export type Runs = ReadonlyMap<string, ReadyRun | AbsentRun>;

export const isReady = (run: ReadyRun | AbsentRun | undefined): run is ReadyRun =>
  run !== undefined && "checkpoint" in run;

/** Looks for the run of every recipe in the folder of its name. @throws FileError for a damaged one */
export const findRuns = async (folder: string, contenders: readonly Contender[]): Promise<Runs> => {
  const runs = new Map<string, ReadyRun | AbsentRun>();
  for (const { recipe } of contenders)
    if (!runs.has(recipe)) runs.set(recipe, await findRun(recipe, join(folder, recipe)));
  return runs;
};

const findRun = async (name: string, folder: string): Promise<ReadyRun | AbsentRun> => {
  const train = (...words: readonly string[]) => shellLine(["undiffuse", "train", ...words]);
  if ((await stat(folder).catch(() => null)) === null) {
    const out = folder === join("runs", name) ? [] : ["--out", folder];
    return { folder, state: "missing", command: train(name, ...out) };
  }
  const model = await openTrained(folder);
  try {
    const { recipe, stage, checkpoint } = model;
    const { header, path } = checkpoint;
    const { steps } = trainingOf(recipe, stage);
    if (header.step < steps)
      return {
        folder,
        state: `after ${header.step} of ${steps} steps`,
        command: train(join(folder, "recipe.json"), "--out", folder, "--resume"),
      };
    const sha256 = createHash("sha256")
      .update(await readFile(path))
      .digest("hex");
    return {
      folder,
      recipe,
      checkpoint: { path, step: header.step, sha256 },
      parameters: budgetOf(stage.networks),
      data: header.fingerprint,
      classes: stage.conditional ? header.classes : null,
    };
  } finally {
    await model.close();
  }
};

/** A contender and its run. */
export interface Entrant {
  readonly contender: Contender;
  readonly run: ReadyRun;
}

/** @throws FileError that names every run that is not there or not done, with the commands that train them */
export const requireRuns = (folder: string, contenders: readonly Contender[], runs: Runs): Entrant[] => {
  const absent = [...runs].flatMap(([name, run]) => (isReady(run) ? [] : [{ name, ...run }]));
  if (absent.length === 0)
    return contenders.map((contender) => ({ contender, run: runs.get(contender.recipe) as ReadyRun }));
  throw new FileError(folder, {
    expected: `trained runs of ${[...runs.keys()].join(", ")}`,
    got: absent.map(({ name, state }) => `${name} ${state}`).join(", "),
    hint: ["train what is not there with:", ...absent.map(({ command }) => `    ${command}`)].join("\n"),
  });
};

/**
 * The images that all runs learned, or would learn if there are none.
 * @throws ArgumentError for runs of different data, or of data that are no longer what they were
 */
export const commonData = async (runs: Runs): Promise<{ recipe: Recipe; dataset: Dataset }> => {
  const ready = [...runs.values()].filter(isReady);
  const [name = ""] = runs.keys();
  const recipe = ready[0]?.recipe ?? packaged(name);
  const dataset = await openImages(recipe.data);
  const other = ready.find(({ data }) => data !== dataset.fingerprint);
  if (!other) return { recipe, dataset };
  throw new ArgumentError({
    who: other.folder,
    expected: `a run trained on the images of ${dataset.name}, ${dataset.fingerprint.slice(0, 12)}, as the others`,
    got: `one trained on ${other.data.slice(0, 12)}`,
  });
};

const packaged = (name: string): Recipe => parseRecipe(recipes[name], name) as Recipe;

/** The parameters of a run, or of a run that the packaged recipe would make. */
export const parametersOf = (
  run: ReadyRun | AbsentRun | undefined,
  name: string,
  dataset: Dataset,
): number => {
  if (isReady(run)) return run.parameters;
  const stage = stagesOf(packaged(name), dataShape(dataset)).at(-1);
  return budgetOf(stage?.networks ?? {});
};

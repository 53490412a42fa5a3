import type { Dataset } from "../../data/index.ts";
import type { Contender } from "./contenders.ts";
import { countOf } from "./contest.ts";
import type { Results } from "./results.ts";
import { isReady, parametersOf, type Runs } from "./runs.ts";

/** What would be compared. */
export interface Plan {
  readonly runs: Runs;
  readonly dataset: Dataset;
  readonly settings: Results["settings"];
  readonly out: string;
}

/** Lines that say what would be compared, and what is to be trained before. */
export const planOf = (
  contenders: readonly Contender[],
  { runs, dataset, settings, out }: Plan,
): string[] => {
  const { data, network } = settings;
  const rows = contenders.map((contender) => {
    const { name, recipe, evaluations } = contender;
    const images = countOf(contender, settings);
    const parameters = parametersOf(runs.get(recipe), recipe, dataset);
    return { name, recipe, parameters, images, evaluations };
  });
  const shown = (n: number) => n.toLocaleString("en");
  const total = rows.reduce((sum, { images, evaluations }) => sum + images * evaluations, 0);
  return [
    ...rows.map(
      ({ name, recipe, parameters, images, evaluations }) =>
        `${name.padEnd(18)} ${recipe.padEnd(13)} ${shown(parameters).padStart(9)} parameters, ${shown(images)} images of ${shown(evaluations)} ${evaluations === 1 ? "evaluation" : "evaluations"}`,
    ),
    `${shown(total)} evaluations of one image in all, in batches of ${settings.batch}`,
    `against ${shown(data.images)} images of ${data.name}, over ${network.name}, ${network.width} features`,
    ...[...runs].map(([recipe, run]) =>
      isReady(run)
        ? `${recipe}: ${run.checkpoint.path}`
        : `${recipe}: ${run.state}; train it with: ${run.command}`,
    ),
    `table and picture would be in ${out}`,
  ];
};

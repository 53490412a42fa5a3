import { recipes } from "../../src/recipes/index.ts";
import { systems } from "../../src/systems/index.ts";
import type { Result } from "./results.ts";

/** A figure of a result, for a cell of the table. */
interface Column {
  readonly title: string;
  /** How its name begins. */
  readonly figure: string;
  readonly show: (value: number) => string;
}
const digits = (n: number) => (value: number) => value.toFixed(n);
const percent = (value: number) => `${(100 * value).toFixed(1)}%`;

const pictureColumns: readonly Column[] = [
  { title: "Fréchet distance", figure: "Fréchet distance", show: digits(2) },
  { title: "kernel distance × 1000", figure: "kernel distance", show: (value) => digits(1)(1000 * value) },
  { title: "precision", figure: "precision", show: percent },
  { title: "recall", figure: "recall over", show: percent },
  { title: "read as asked for", figure: "share read as", show: percent },
];
const rowColumns: readonly Column[] = [
  { title: "energy distance ratio", figure: "energy distance", show: digits(2) },
  { title: "bits a row, at most", figure: "bits of a held-out row", show: digits(3) },
  { title: "perfect", figure: "share of perfect", show: percent },
];

const cell = ({ figures }: Result, { figure, show }: Column): string => {
  const found = figures.find(({ name }) => name.startsWith(figure));
  if (!found) return "";
  const { value, interval } = found;
  return interval ? `${show(value)} (${interval.map(show).join(" to ")})` : show(value);
};

const short = (count: number): string =>
  count >= 1e6 ? `${(count / 1e6).toFixed(1)}M` : `${Math.round(count / 1000)}k`;

const minutes = (seconds: number): string =>
  seconds < 90 ? `${seconds} s` : `${(seconds / 60).toFixed(1)} min`;

const parameters = ({ parameters: each }: Result): string =>
  Object.entries(each)
    .map(([name, count], _, { length }) => (length === 1 ? short(count) : `${name} ${short(count)}`))
    .join(", ");

const speed = ({ speed: { imagesPerSecond, evaluations } }: Result): string[] => [
  digits(Number.isInteger(evaluations) ? 0 : 1)(evaluations),
  imagesPerSecond === null ? "" : imagesPerSecond.toPrecision(3),
];

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

const table = (results: readonly Result[], columns: readonly Column[]): string => {
  const own = columns.filter((column) => results.some((result) => cell(result, column)));
  const head = ["recipe", "parameters", "training", "N", ...own.map(({ title }) => title)];
  const titles = [...head, "evaluations", "a second"];
  return [
    row(titles),
    row(titles.map(() => "---")),
    ...results.map((result) =>
      row([
        `\`${result.recipe}\``,
        parameters(result),
        minutes(result.training.seconds),
        String(result.figures[0]?.samples ?? ""),
        ...own.map((column) => cell(result, column)),
        ...speed(result),
      ]),
    ),
  ].join("\n");
};

/** One section a system: its paper, what the paper came to, its recipes, what they came to here, and first grids. */
const section = (name: string, results: ReadonlyMap<string, Result>): string => {
  const { summary, headline } = systems[name as keyof typeof systems];
  const own = Object.values(recipes).filter(({ system }) => system === name);
  const measured = own.flatMap((recipe) => results.get(recipe.name) ?? []);
  const rows = measured.filter(({ network }) => network === null);
  const pictures = measured.filter(({ network }) => network !== null);
  const unmeasured = own.filter((recipe) => !results.has(recipe.name)).map((recipe) => `\`${recipe.name}\``);
  return [
    `## \`${name}\``,
    `${summary}. The paper: ${headline}.`,
    ...(pictures.length ? [table(pictures, pictureColumns)] : []),
    ...(rows.length ? [table(rows, rowColumns)] : []),
    ...measured.map(({ recipe }) => `![The first samples of ${recipe}, seed 0](pictures/${recipe}.png)`),
    ...(unmeasured.length ? [`Not measured here: ${unmeasured.join(", ")}.`] : []),
  ].join("\n\n");
};

/** docs/systems.md: every system by name, with what its recipes came to. */
export const systemsPage = (results: ReadonlyMap<string, Result>): string => {
  const all = [...results.values()];
  const networks = [...new Set(all.flatMap(({ network }) => network ?? []))];
  const machines = [...new Set(all.map(({ machine, measured }) => `${machine}, ${measured}`))];
  return `${[
    "# Systems",
    "Made by `npm run docs:systems` from `docs/results`, where `tools/measure-recipe.ts RECIPE` writes. Training and sampling on one thread of the native engine; other work ran beside, so that times say what order they are of.",
    `Pictures are compared with all images of their data, held out ones too, over ${networks.join(" or ")}: these numbers are no FID, and compare with none of the papers'. In brackets the interval that 95% of resamplings lie in. The grids are the first of seed 0. What the numbers mean: [evaluation.md](evaluation.md). Recipes called \`images-…\` have their paper's own size, and are built and stepped by the tests (\`npm run test:full\`).`,
    ...Object.keys(systems).map((name) => section(name, results)),
    `Machines: ${machines.join("; ")}.`,
  ].join("\n\n")}\n`;
};

import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { parseAs } from "../../src/base/index.ts";

/** Where results of recipes are kept, a file each. */
export const resultsFolder = fileURLToPath(new URL("../../docs/results/", import.meta.url));
/** Where the first grid of each recipe is kept. */
export const picturesFolder = fileURLToPath(new URL("../../docs/pictures/", import.meta.url));

const figureSchema = z.object({
  name: z.string(),
  value: z.number(),
  interval: z.tuple([z.number(), z.number()]).readonly().nullable(),
  samples: z.number(),
});

/** What a recipe came to, as tools/measure-recipe.ts writes it. */
export const resultSchema = z.strictObject({
  recipe: z.string(),
  /** The day, and what on. */
  measured: z.string(),
  machine: z.string(),
  /** The command that does it again. */
  command: z.string(),
  /** By stage. */
  parameters: z.record(z.string(), z.number()),
  training: z.strictObject({ steps: z.number(), seconds: z.number(), threads: z.number() }),
  /** Of the samples that the figures are of. */
  sampling: z.unknown(),
  speed: z.looseObject({ imagesPerSecond: z.number().nullable(), evaluations: z.number() }),
  /** What the figures compare by; null for points and bits. */
  network: z.string().nullable(),
  figures: z.array(figureSchema).readonly(),
});
export type Result = z.output<typeof resultSchema>;

/** All results there are, by recipe. @throws ArgumentError for a file that is none */
export const readResults = async (): Promise<ReadonlyMap<string, Result>> => {
  const names = (await readdir(resultsFolder)).filter((name) => name.endsWith(".json")).sort();
  const results = await Promise.all(
    names.map(async (name) =>
      parseAs(resultSchema, JSON.parse(await readFile(`${resultsFolder}${name}`, "utf8")), {
        who: name,
        expected: "what tools/measure-recipe.ts writes",
      }),
    ),
  );
  return new Map(results.map((result) => [result.recipe, result]));
};

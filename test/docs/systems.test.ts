import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { recipes } from "../../src/recipes/index.ts";
import { picturesFolder, readResults } from "../../tools/measure/results.ts";
import { systemsPage } from "../../tools/measure/systems-page.ts";

it("docs/systems.md is what the recipes and their results say, each with its grid", async () => {
  const results = await readResults();
  const page = await readFile(new URL("../../docs/systems.md", import.meta.url), "utf8");
  expect(page, "npm run docs:systems").toBe(systemsPage(results));
  for (const name of results.keys()) {
    expect(recipes).toHaveProperty(name);
    expect(existsSync(`${picturesFolder}${name}.png`)).toBe(true);
  }
});

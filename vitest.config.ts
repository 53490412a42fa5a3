import { defineConfig } from "vitest/config";

// Workers are started from TypeScript sources in tests, so every process gets a TypeScript loader and the source condition.
const execArgv = [
  "--import",
  new URL("./tools/typescript.mjs", import.meta.url).href,
  "--conditions=undiffuse-source",
];

// Recipes of the papers' own sizes, which take a step each, and the longest trainings have a run of their own:
// npm run test:full.
const full = "test/recipes/{full-size,heartbeat,score-sde}.test.ts";

export default defineConfig({
  resolve: { conditions: ["undiffuse-source"] },
  ssr: { resolve: { conditions: ["undiffuse-source"] } },
  test: {
    include: process.env.FULL ? [full] : ["test/**/*.test.ts"],
    exclude: process.env.FULL ? [] : [full],
    globalSetup: "test/build.ts",
    pool: "forks",
    execArgv,
    maxWorkers: 2,
    testTimeout: process.env.FULL ? 900_000 : 120_000,
    hookTimeout: 120_000,
  },
});

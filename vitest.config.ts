import { defineConfig } from "vitest/config";

// Recipes of the papers' own sizes, which take a step each, the longest trainings, and one that is killed again and again
// have a run of their own: npm run test:full.
const full = ["test/recipes/{ddgan,full-size,heartbeat,score-sde}.test.ts", "test/cli/kill-storm.test.ts"];

// Files that put something else in a module's place. All others share what is loaded: two processes run them, one file
// after the other.
const mocking = [
  "test/formats/atomic.test.ts",
  "test/systems/training.test.ts",
  "test/train/full-disk.test.ts",
];

export default defineConfig({
  resolve: { conditions: ["undiffuse-source"] },
  ssr: { resolve: { conditions: ["undiffuse-source"] } },
  test: {
    globalSetup: "test/build.ts",
    pool: "forks",
    execArgv: ["--import", new URL("./test/built-workers.mjs", import.meta.url).href],
    maxWorkers: 2,
    testTimeout: process.env.FULL ? 900_000 : 120_000,
    hookTimeout: 120_000,
    projects: process.env.FULL
      ? [{ extends: true, test: { name: "full", include: full } }]
      : [
          {
            extends: true,
            test: {
              name: "shared",
              isolate: false,
              include: ["test/**/*.test.ts"],
              exclude: [...full, ...mocking],
            },
          },
          { extends: true, test: { name: "mocking", include: mocking } },
        ],
  },
});

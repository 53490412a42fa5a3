import { defineConfig } from "vitest/config";

// Workers are started from TypeScript sources in tests, so every process gets a TypeScript loader and the source condition.
const execArgv = [
  "--import",
  new URL("./tools/typescript.mjs", import.meta.url).href,
  "--conditions=undiffuse-source",
];

export default defineConfig({
  resolve: { conditions: ["undiffuse-source"] },
  ssr: { resolve: { conditions: ["undiffuse-source"] } },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: "test/build.ts",
    pool: "forks",
    execArgv,
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});

// Workers that tests start are named by TypeScript files, which Node cannot run: those of src run what test/build.ts built of
// them, which starts in a quarter of the time that a loader of TypeScript takes; those of the tests have the loader.
import { syncBuiltinESMExports } from "node:module";
import workers from "node:worker_threads";
import { loader } from "./loader.mjs";

const inSource = /\/src\/(.*)\.ts$/;

workers.Worker = class extends workers.Worker {
  constructor(url, options) {
    const built = new URL(url.href.replace(inSource, "/dist/$1.js"));
    super(built, { execArgv: inSource.test(url.href) ? [] : [...loader], ...options });
  }
};
syncBuiltinESMExports();

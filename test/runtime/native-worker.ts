// Runs the plan that it is given for as long as it lives, in the native engine.
import { parentPort, workerData } from "node:worker_threads";
import { host } from "#host";
import { Generator } from "../../src/base/index.ts";

const random = new Generator(2);
const session = await host.openSession(workerData, { threads: 2 });
const feeds = { x: random.normal([2, 16, 32, 32]), weight: random.normal([16, 16, 3, 3]) };
for (let i = 0; ; i++) {
  const run = session.run(feeds);
  if (i === 1) parentPort?.postMessage("running");
  await run;
}

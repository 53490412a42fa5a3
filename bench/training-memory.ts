// Peak memory of a training (loss, gradients, AdamW, moving average of the weights) against PyTorch, each in a
// process of its own:
//   PYTHON=/path/to/venv/bin/python node --import ./tools/typescript.mjs --conditions=undiffuse-source \
//     bench/training-memory.ts [network or file …]
// The Python environment holds bench/peers/requirements.txt.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Generator } from "../src/base/index.ts";
import { flatLayout, Learner, optimizerSchema, packed } from "../src/optim/index.ts";
import { chosenNetworks, type Network } from "./networks.ts";
import { machine, THREADS } from "./peer.ts";
import { trainingModel } from "./training-model.ts";

const STEPS = 5;

/** Trains for a few steps as a run does; gives the process's peak in bytes. */
const trainHere = async (network: Network): Promise<number> => {
  const { model, values, draw } = await trainingModel(network);
  const layout = flatLayout(values);
  const update = {
    model,
    entries: [0, layout.entries.length] as const,
    optimizer: optimizerSchema.parse({ kind: "adamw" }),
    clip: 1,
  };
  const state = { parameters: packed(layout, values) };
  const learner = await Learner.open({ layout, updates: [update], emaDecay: 0.999, state, threads: THREADS });
  const random = new Generator(1);
  for (let step = 0; step < STEPS; step++) {
    const { applied } = await learner.step({ update: 0, feeds: [draw(random)], learningRate: 1e-4 });
    if (!applied) throw new Error("the step was not applied");
  }
  return process.resourceUsage().maxRSS * 1024;
};

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

if (process.argv[2] === "--here") {
  console.log(await trainHere(JSON.parse(process.argv[3] as string) as Network));
} else {
  console.log(machine());
  for (const [name, network] of await chosenNetworks(process.argv.slice(2))) {
    const setup = JSON.stringify(network);
    const ours = Number(
      execFileSync(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), "--here", setup], {
        encoding: "utf8",
      }),
    );
    const script = fileURLToPath(new URL("./peers/training_memory.py", import.meta.url));
    const theirs = Number(
      execFileSync(
        process.env.PYTHON ?? "python3",
        [script, JSON.stringify({ ...network, threads: THREADS, steps: STEPS })],
        { encoding: "utf8" },
      ),
    );
    console.log(
      `${name}, batch ${network.batch}: ${megabytes(ours)}, PyTorch ${megabytes(theirs)}: ${(ours / theirs).toFixed(2)} ×`,
    );
  }
}

// Peak memory of a training (loss, gradients, AdamW, moving average of the weights) against PyTorch, each in a
// process of its own:
//   PYTHON=/path/to/venv/bin/python node --import ./tools/typescript.mjs --conditions=undiffuse-source \
//     bench/training-memory.ts [network or file …]
// The Python environment holds bench/peers/requirements.txt.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Generator } from "../src/base/index.ts";
import { lower, trainCpu } from "../src/lower/index.ts";
import { unet2d, unet2dSchema } from "../src/models/index.ts";
import { parameters } from "../src/nn/index.ts";
import { flatLayout, Learner, optimizerSchema, packed } from "../src/optim/index.ts";
import { blockSize } from "../src/runtime/index.ts";
import { gradients, simplify, type Tensor, trace } from "../src/tensor/index.ts";
import { chosenNetworks, type Network } from "./networks.ts";
import { machine, THREADS } from "./peer.ts";

const STEPS = 5;

/** Trains for a few steps as a run does; gives the process's peak in bytes. */
const trainHere = async ({ batch, config }: Network): Promise<number> => {
  const own = parameters(unet2d(unet2dSchema.parse(config), new Generator(0)));
  const layout = flatLayout(own);
  const state = { parameters: packed(layout, new Map([...own].map(([name, { value }]) => [name, value]))) };
  const model = await modelOf({ batch, config });
  const update = {
    model,
    entries: [0, layout.entries.length] as const,
    optimizer: optimizerSchema.parse({ kind: "adamw" }),
    clip: 1,
  };
  const learner = await Learner.open({ layout, updates: [update], emaDecay: 0.999, state, threads: THREADS });
  const random = new Generator(1);
  const shape = [batch, config.in_channels, config.sample_size, config.sample_size];
  for (let step = 0; step < STEPS; step++) {
    const timestep = random.integers(0, 1000, [batch]).cast("float32");
    const feeds = [{ sample: random.normal(shape), target: random.normal(shape), timestep }];
    const { applied } = await learner.step({ update: 0, feeds, learningRate: 1e-4 });
    if (!applied) throw new Error("the step was not applied");
  }
  return process.resourceUsage().maxRSS * 1024;
};

const modelOf = async ({ batch, config }: Network): Promise<Uint8Array> => {
  const net = unet2d(unet2dSchema.parse(config), new Generator(0));
  const own = parameters(net);
  const shape = [batch, config.in_channels, config.sample_size, config.sample_size];
  const inputs = { sample: { shape }, target: { shape }, timestep: { shape: [batch] } };
  const graph = trace(
    inputs,
    ({ sample, target, timestep }) => {
      const error = net.forward(sample, timestep).sub(target);
      const loss = error.mul(error).mean();
      const found = gradients(loss, [...own.values()]);
      return {
        loss,
        ...Object.fromEntries([...own.keys()].map((name, i) => [`gradient.${name}`, found[i] as Tensor])),
      };
    },
    own,
  );
  return lower(simplify(graph), { target: trainCpu(await blockSize()) });
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

// A training step (forward, loss, backward; no optimizer) against PyTorch on the same machine, threads and
// batch, one step of each in turn:
//   PYTHON=/path/to/venv/bin/python node --import ./tools/typescript.mjs --conditions=undiffuse-source \
//     bench/training-step.ts [network …]
// The Python environment holds bench/peers/requirements.txt. Prints medians and their ratio.
import { spawn } from "node:child_process";
import { cpus } from "node:os";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { host } from "#host";
import { Generator, NDArray } from "../src/base/index.ts";
import { lower, trainCpu } from "../src/lower/index.ts";
import { type UNet2DConfigInput, unet2d, unet2dSchema } from "../src/models/index.ts";
import { parameters } from "../src/nn/index.ts";
import { blockSize } from "../src/runtime/index.ts";
import { gradients, simplify, type Tensor, trace } from "../src/tensor/index.ts";

const THREADS = 2;
const ROUNDS = 9;

/** Kinds of block, attention at the levels named. */
const blocks = (levels: number, attention: readonly number[]) => {
  const down = Array.from({ length: levels }, (_, i) =>
    attention.includes(i) ? ("AttnDownBlock2D" as const) : ("DownBlock2D" as const),
  );
  const up = down.toReversed().map((kind) => (kind === "DownBlock2D" ? "UpBlock2D" : "AttnUpBlock2D"));
  return { down_block_types: down, up_block_types: up as ("UpBlock2D" | "AttnUpBlock2D")[] };
};

interface Network {
  readonly batch: number;
  readonly config: UNet2DConfigInput & { readonly sample_size: number; readonly in_channels: number };
}
const colour = { in_channels: 3, out_channels: 3, layers_per_block: 2, norm_num_groups: 32 };
const networks: Readonly<Record<string, Network>> = {
  "32×32, width 32": {
    batch: 32,
    config: { ...colour, sample_size: 32, block_out_channels: [32, 64, 64], ...blocks(3, [1]) },
  },
  "CIFAR-10 DDPM": {
    batch: 8,
    config: { ...colour, sample_size: 32, block_out_channels: [128, 256, 256, 256], ...blocks(4, [1]) },
  },
  "64×64, width 64": {
    batch: 8,
    config: { ...colour, sample_size: 64, block_out_channels: [64, 128, 256], ...blocks(3, [2]) },
  },
};

/** One step at a time on onnxruntime, as training lowers it. */
const openOurs = async ({ batch, config }: Network): Promise<() => Promise<number>> => {
  const net = unet2d(unet2dSchema.parse(config), new Generator(0));
  const own = parameters(net);
  const random = new Generator(1);
  const shape = [batch, config.in_channels, config.sample_size, config.sample_size];
  const batchFeeds = {
    sample: random.normal(shape),
    target: random.normal(shape),
    timestep: random.integers(0, 1000, [batch]).cast("float32"),
  };
  const graph = trace(
    batchFeeds,
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
  const model = lower(simplify(graph), { target: trainCpu(await blockSize()) });
  const session = await host.openSession(model, { threads: THREADS });
  const values = Object.fromEntries([...own].map(([name, { value }]) => [name, value]));
  return async () => {
    const started = performance.now();
    const { loss } = await session.run({ ...values, ...batchFeeds });
    if (!NDArray.from(loss as NDArray).isFinite()) throw new Error("the loss is not finite");
    return performance.now() - started;
  };
};

/** The peer as a process that answers each line with the milliseconds of a step. */
const openPeer = async ({ batch, config }: Network) => {
  const script = fileURLToPath(new URL("./peers/training_step.py", import.meta.url));
  const child = spawn(process.env.PYTHON ?? "python3", [script], { stdio: ["pipe", "pipe", "inherit"] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (line: string): Promise<string> => {
    child.stdin.write(`${line}\n`);
    const { value, done } = await answers.next();
    if (done) throw new Error("the peer ended; is PYTHON an environment with bench/peers/requirements.txt?");
    return value;
  };
  const facts = await ask(JSON.stringify({ config, batch, threads: THREADS, seed: 0 }));
  return { facts, step: async () => Number(await ask("step")), close: () => child.stdin.end() };
};

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;

const wanted = process.argv.slice(2);
console.log(
  `${cpus()[0]?.model}, ${THREADS} threads, Node.js ${process.version}, ${new Date().toISOString()}`,
);
for (const [name, network] of Object.entries(networks)) {
  if (wanted.length && !wanted.includes(name)) continue;
  const peer = await openPeer(network);
  const ours = await openOurs(network);
  await ours();
  const times: { ours: number; peer: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) times.push({ peer: await peer.step(), ours: await ours() });
  peer.close();
  const [a, b] = [median(times.map(({ ours }) => ours)), median(times.map(({ peer }) => peer))];
  const ratio = median(times.map(({ ours, peer }) => ours / peer));
  console.log(
    `${name}, batch ${network.batch}: ${a.toFixed(0)} ms, PyTorch ${b.toFixed(0)} ms ${peer.facts}`,
  );
  console.log(`  ratio of medians ${(a / b).toFixed(2)}, median of ratios ${ratio.toFixed(2)}`);
}

// A training step (forward, loss, backward; no optimizer) against PyTorch's ways of it on the same machine, threads and
// batch, one step of each in turn:
//   PYTHON=/path/to/venv/bin/python node --import ./tools/typescript.mjs --conditions=undiffuse-source \
//     bench/training-step.ts [network or file …]
// The Python environment holds bench/peers/requirements.txt. Prints medians and ratios.
import { host } from "#host";
import { Generator, NDArray } from "../src/base/index.ts";
import { chosenNetworks, type Network } from "./networks.ts";
import { alone, machine, median, openPeer, ratio, THREADS } from "./peer.ts";
import { trainingModel } from "./training-model.ts";

const ROUNDS = 9;

const openOurs = async (network: Network): Promise<() => Promise<number>> => {
  const { model, values, draw } = await trainingModel(network);
  const session = await host.openSession(model, { threads: THREADS });
  const feeds = { ...Object.fromEntries(values), ...draw(new Generator(1)) };
  return async () => {
    const started = performance.now();
    const { loss } = await session.run(feeds);
    if (!NDArray.from(loss as NDArray).isFinite()) throw new Error("the loss is not finite");
    return performance.now() - started;
  };
};

console.log(machine());
for (const [name, network] of await chosenNetworks(process.argv.slice(2))) {
  const peer = await openPeer("training_step.py", network);
  const { ways } = JSON.parse(peer.facts) as { ways: readonly string[] };
  const ours = await openOurs(network);
  await ours();
  const turns = new Map([["ours", ours], ...ways.map((way) => [way, () => peer.turn(way)] as const)]);
  const times = new Map([...turns.keys()].map((way) => [way, [] as number[]]));
  for (let round = 0; round < ROUNDS; round++)
    for (const [way, turn] of turns) times.get(way)?.push(await alone(turn));
  peer.close();
  const own = times.get("ours") as number[];
  console.log(`${name}, batch ${network.batch}: ${median(own).toFixed(0)} ms ${peer.facts}`);
  for (const way of ways) {
    const theirs = times.get(way) as number[];
    console.log(
      `  ${way}: ${median(theirs).toFixed(0)} ms, median of ratios ${ratio(own, theirs).toFixed(2)}`,
    );
  }
}

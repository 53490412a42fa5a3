// The model of a training step (loss and gradients) as training lowers it, and the parameters it starts with.
import { Generator, type NDArray } from "../src/base/index.ts";
import { lower } from "../src/lower/index.ts";
import { unet2d, unet2dSchema } from "../src/models/index.ts";
import { parameters } from "../src/nn/index.ts";
import { trainTarget } from "../src/runtime/index.ts";
import { type Graph, gradients, simplify, type Tensor, trace } from "../src/tensor/index.ts";
import type { Network } from "./networks.ts";
import { backend, precision } from "./peer.ts";

export interface TrainingGraph {
  /** The mean squared error of a random batch, and its gradients, `gradient.<name>`. */
  readonly graph: Graph;
  readonly values: ReadonlyMap<string, NDArray>;
  /** A random batch. */
  draw(random: Generator): Readonly<Record<"sample" | "target" | "timestep", NDArray>>;
}

export const trainingGraph = ({ batch, config }: Network): TrainingGraph => {
  const net = unet2d(unet2dSchema.parse(config), new Generator(0));
  const own = parameters(net);
  const shape = [batch, config.in_channels, config.sample_size, config.sample_size];
  const graph = trace(
    { sample: { shape }, target: { shape }, timestep: { shape: [batch] } },
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
  return {
    graph: simplify(graph),
    values: new Map([...own].map(([name, { value }]) => [name, value])),
    draw: (random) => ({
      sample: random.normal(shape),
      target: random.normal(shape),
      timestep: random.integers(0, 1000, [batch]).cast("float32"),
    }),
  };
};

export interface TrainingModel extends Omit<TrainingGraph, "graph"> {
  readonly model: Uint8Array;
}

export const trainingModel = async (network: Network): Promise<TrainingModel> => {
  const { graph, ...rest } = trainingGraph(network);
  return { model: lower(graph, { target: await trainTarget(backend, precision) }), ...rest };
};

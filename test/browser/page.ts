import { Generator, imageGenerators, NDArray } from "undiffuse/base";
import {
  clipped,
  diffusionProcess,
  gaussianMixture,
  networkDenoiser,
  type Prediction,
  scheduleSchema,
  simpleLoss,
} from "undiffuse/diffusion";
import { unet2d, unet2dSchema } from "undiffuse/models";
import { parameters, stateOf } from "undiffuse/nn";
import { type CompileOptions, compile } from "undiffuse/runtime";
import {
  initialNoise,
  openSampler,
  sample,
  samplerKinds,
  samplerSchema,
  stepNoise,
} from "undiffuse/samplers";
import { gradients, type Tensor, trace } from "undiffuse/tensor";

/** What every host and device must agree on, as plain data that may leave a page. */
export interface NetworkResults {
  /** [4, 1, 8, 8] in [-1, 1] */
  readonly images: readonly number[];
  readonly loss: number;
  /** Of the loss, by the names of the parameters. */
  readonly gradients: Readonly<Record<string, readonly number[]>>;
}
export interface Results extends NetworkResults {
  /** Where every sampler leads points of the plane, [5, 2], by its name. */
  readonly points: Readonly<Record<string, readonly number[]>>;
}

/** Where the sessions run. */
export type Where = Pick<CompileOptions, "worker" | "threads" | "device">;

const COUNT = 4;
const IMAGE = [1, 8, 8];
const inputs = {
  x: { shape: [COUNT, ...IMAGE] },
  t: { shape: [COUNT] },
  labels: { shape: [COUNT], dtype: "int32" },
} as const;
const labels = NDArray.of([0, 1, 2, 1], [COUNT], "int32");

const network = (config: object) =>
  unet2d(
    unet2dSchema.parse({
      in_channels: 1,
      out_channels: 1,
      layers_per_block: 1,
      num_class_embeds: 3,
      ...config,
    }),
    new Generator(1),
  );
type Network = ReturnType<typeof network>;

/** Draws four images of an untrained network, and the gradients of its loss. */
export const experiment = async (options: Where): Promise<Results> => {
  const net = network({
    block_out_channels: [16, 32],
    down_block_types: ["DownBlock2D", "AttnDownBlock2D"],
    up_block_types: ["AttnUpBlock2D", "UpBlock2D"],
    norm_num_groups: 8,
  });
  const images = await draw(net, { ...options, steps: 10, prediction: "epsilon" });
  return { images, ...(await differentiate(net, options)), points: await walk() };
};

/** The same of a network of one resolution in few steps, for devices that a processor imitates slowly. */
export const smallExperiment = async (options: Where): Promise<NetworkResults> => {
  const net = network({
    block_out_channels: [8],
    down_block_types: ["AttnDownBlock2D"],
    up_block_types: ["AttnUpBlock2D"],
    norm_num_groups: 4,
  });
  const images = await draw(net, { ...options, steps: 4, prediction: "sample" });
  return { images, ...(await differentiate(net, options)) };
};

/** Every sampler on a density whose denoiser has a closed form. */
const walk = async (): Promise<Record<string, number[]>> => {
  const { denoiser } = gaussianMixture([
    { weight: 1, mean: [-0.7, 0.3], deviation: 0.15 },
    { weight: 3, mean: [0.6, -0.2], deviation: 0.25 },
  ]);
  const process = diffusionProcess(scheduleSchema.parse({}));
  const points: Record<string, number[]> = {};
  for (const kind of samplerKinds) {
    const few = kind === "langevin" ? { stepsPerLevel: 5 } : {};
    const steps = kind === "rk45" ? 2 : 5;
    const { sampler, levels } = openSampler(
      samplerSchema.parse({ kind, steps, clip: null, ...few }),
      process,
    );
    const random = new Generator(4);
    const noise = () => random.normal([5, 2]);
    let x = noise();
    for await (const frame of sample({ denoiser, sampler, levels, x, noise })) x = frame.x;
    points[kind] = [...x.data];
  }
  return points;
};

const draw = async (
  net: Network,
  { steps, prediction, ...options }: Where & { readonly steps: number; readonly prediction: Prediction },
): Promise<number[]> => {
  const graph = trace(
    inputs,
    (feeds) => ({ output: net.forward(feeds.x, feeds.t, { classLabels: feeds.labels }) }),
    parameters(net),
  );
  const run = await compile(graph, { weights: stateOf(net), ...options });
  const denoiser = networkDenoiser(
    async (x, t) => (await run({ x, t: NDArray.full([COUNT], t), labels })).output as NDArray,
    { prediction },
  );
  const generators = imageGenerators(2, COUNT);
  const noise = stepNoise(generators, IMAGE);
  const x = initialNoise(generators, IMAGE);
  const spec = samplerSchema.parse({ kind: "ddim", steps });
  const { sampler, levels } = openSampler(spec, diffusionProcess(scheduleSchema.parse({})));
  let images = x;
  for await (const frame of sample({ denoiser: clipped(denoiser), sampler, levels, x, noise }))
    images = frame.x;
  await run.close();
  return [...images.data];
};

const differentiate = async (
  net: Network,
  options: Where,
): Promise<Pick<NetworkResults, "loss" | "gradients">> => {
  const learned = parameters(net);
  const graph = trace(
    { ...inputs, eps: inputs.x },
    (feeds) => {
      const predicted = net.forward(feeds.x, feeds.t, { classLabels: feeds.labels });
      const loss = simpleLoss(feeds.eps, predicted).mean();
      const found = gradients(loss, [...learned.values()]);
      return {
        loss,
        ...Object.fromEntries([...learned.keys()].map((name, i) => [`gradient.${name}`, found[i] as Tensor])),
      };
    },
    learned,
  );
  const run = await compile(graph, options);
  const random = new Generator(3);
  const { loss, ...found } = await run({
    x: random.normal(inputs.x.shape),
    t: NDArray.of([10, 200, 500, 990]),
    labels,
    eps: random.normal(inputs.x.shape),
    ...Object.fromEntries(stateOf(net)),
  });
  await run.close();
  return {
    loss: (loss as NDArray).item(),
    gradients: Object.fromEntries(Object.entries(found).map(([name, { data }]) => [name, [...data]])),
  };
};

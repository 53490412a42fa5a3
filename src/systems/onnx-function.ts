import type { Named, Spec, Tensor } from "../tensor/index.ts";
import type { Recipe } from "./recipe.ts";
import type { TrainedStage } from "./trained-stage.ts";

/** Sizes that a model leaves open, by name. */
export type OpenSizes = Readonly<Record<string, number>>;

/** What a network of a stage is as a model of its own. */
export interface OnnxFunction {
  /** Its name among the stage's networks. */
  readonly network: string;
  /** Open sizes, and what each must be a multiple of. */
  readonly symbols: OpenSizes;
  readonly inputs: (sizes: OpenSizes) => Named<Spec>;
  readonly outputs: (inputs: Named<Tensor>) => Named<Tensor>;
}

/** A network as it is found: what it says of itself, and its function. */
interface Network<A extends readonly unknown[]> {
  readonly class_embedding?: object;
  readonly config?: { readonly in_channels: number; readonly block_out_channels: readonly number[] };
  forward(...inputs: A): Tensor;
}
interface Told {
  readonly classLabels?: Tensor | undefined;
  readonly feeds?: Named<Tensor>;
}

const times = (batch: number): Named<Spec> => ({ timestep: { shape: [batch] } });
const labels = (network: { readonly class_embedding?: object }, batch: number): Named<Spec> =>
  network.class_embedding ? { class_labels: { shape: [batch], dtype: "int32" } } : {};

/** A network of an image and a time; of a U-Net's images all sizes are open. */
const denoising =
  (output = "out_sample") =>
  ({ stage, checkpoint: { header } }: TrainedStage): OnnxFunction => {
    const [name = "", found] = Object.entries(stage.networks)[0] ?? [];
    const network = found as Network<[x: Tensor, t: Tensor, told: Told]>;
    const [channels, ...sides] = header.image;
    const unet = output === "out_sample" ? network.config : undefined;
    const factor = 2 ** ((unet?.block_out_channels.length ?? 1) - 1);
    return {
      network: name,
      symbols: { batch: 1, ...(unet && { height: factor, width: factor }) },
      inputs: ({ batch = 1, height = factor, width = factor }) => ({
        sample: {
          shape: unet ? [batch, unet.in_channels, height, width] : [batch, channels, ...sides],
        },
        ...times(batch),
        ...labels(network, batch),
      }),
      outputs: ({ sample, timestep, class_labels: classLabels }) => ({
        [output]: network.forward(sample as Tensor, timestep as Tensor, { classLabels }),
      }),
    };
  };

/** A network that is shown an image of fewer pixels, which it enlarges by matrices of the size that it was trained at. */
const superResolving = ({ stage, checkpoint, recipe }: TrainedStage): OnnxFunction => {
  const network = stage.networks.unet as Network<[x: Tensor, t: Tensor, told: Told]>;
  const { base, superResolution } = (recipe as Extract<Recipe, { readonly system: "cascade" }>).config;
  const sides = [base, ...superResolution].map(({ size }) => size);
  const index = sides.findIndex((side) => stage.name === `super-${side}`);
  const [channels] = checkpoint.header.image;
  const square = (batch: number, side = 0): Spec => ({ shape: [batch, channels, side, side] });
  return {
    network: "unet",
    symbols: { batch: 1 },
    inputs: ({ batch = 1 }) => ({
      sample: square(batch, sides[index]),
      ...times(batch),
      low: square(batch, sides[index - 1]),
      level: { shape: [batch] },
      ...labels(network, batch),
    }),
    outputs: (inputs) => {
      const {
        sample,
        timestep,
        low,
        level,
        class_labels: classLabels,
      } = inputs as Record<string, Tensor> & Record<"sample" | "timestep" | "low" | "level", Tensor>;
      return { out_sample: network.forward(sample, timestep, { feeds: { low, level }, classLabels }) };
    },
  };
};

/** An image of latents at once. */
const decoding =
  (name: string, latentsOf: (recipe: Recipe) => number) =>
  ({ stage, recipe }: TrainedStage): OnnxFunction => {
    const network = stage.networks[name] as Network<[z: Tensor, labels: Tensor | undefined]>;
    return {
      network: name,
      symbols: { batch: 1 },
      inputs: ({ batch = 1 }) => ({
        latents: { shape: [batch, latentsOf(recipe)] },
        ...labels(network, batch),
      }),
      outputs: ({ latents, class_labels }) => ({ images: network.forward(latents as Tensor, class_labels) }),
    };
  };
const ownLatents = ({ config }: Recipe): number =>
  (config as Extract<Recipe, { readonly system: "gan" | "vae" }>["config"]).network.latents;

/** An x_0 that a noised image may come from, another one for other latents. */
const denoisingByLatents = ({ stage, checkpoint, recipe }: TrainedStage): OnnxFunction => {
  type Inputs = [x: Tensor, t: Tensor, z: Tensor, labels: Tensor | undefined];
  const network = stage.networks.generator as Network<Inputs>;
  const { latents } = (recipe as Extract<Recipe, { readonly system: "ddgan" }>).config.network.generator;
  return {
    network: "generator",
    symbols: { batch: 1 },
    inputs: ({ batch = 1 }) => ({
      sample: { shape: [batch, ...checkpoint.header.image] },
      ...times(batch),
      latents: { shape: [batch, latents] },
      ...labels(network, batch),
    }),
    outputs: ({ sample, timestep, latents: z, class_labels }) => ({
      images: network.forward(sample as Tensor, timestep as Tensor, z as Tensor, class_labels),
    }),
  };
};

const functions: Readonly<Record<Recipe["system"], (trained: TrainedStage) => OnnxFunction>> = {
  ddpm: denoising(),
  iddpm: denoising(),
  edm: denoising(),
  "rectified-flow": denoising(),
  "score-sde": denoising(),
  ncsn: denoising(),
  nonequilibrium: denoising(),
  adm: (trained) => denoising(trained.stage.name === "classifier" ? "logits" : undefined)(trained),
  cascade: (trained) => (trained.stage.name === "base" ? denoising() : superResolving)(trained),
  ddgan: denoisingByLatents,
  gan: decoding("generator", ownLatents),
  vae: decoding("decoder", ownLatents),
};

/** What makes a trained stage's images, or helps to, as a function of arrays. */
export const onnxFunction = (trained: TrainedStage): OnnxFunction =>
  functions[trained.recipe.system](trained);

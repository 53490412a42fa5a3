import type { z } from "zod";
import { ArgumentError, type Generator, NDArray, parseAs, Streams } from "../base/index.ts";
import { type ClassifierGradient, type NoiseProcess, qSample } from "../diffusion/index.ts";
import { unet2dEncoder, unet2dEncoderFields, unet2dEncoderSchema } from "../models/index.ts";
import { constant, gather, gradients, logSoftmax, type Spec, type Tensor } from "../tensor/index.ts";
import type { Batch, BatchProgram, DataShape, EarlierStage, Stage } from "../train/index.ts";

/** The way down of diffusers' UNet2DModel; sizes and channels come from the data. */
export const noisyClassifierSchema = unet2dEncoderFields.omit({ sample_size: true, in_channels: true });

interface ClassifierParts {
  readonly name: string;
  readonly process: NoiseProcess;
  readonly config: z.output<typeof noisyClassifierSchema>;
  readonly data: DataShape;
  /** Of the initial weights. */
  readonly seed: number;
  /** n times of the process to train at. */
  readonly times: (n: number, random: Generator) => ArrayLike<number>;
  /** The times at which the held-out loss is measured. */
  readonly heldOut: readonly number[];
}

/** A stage that makes no images, and what its network tells later ones. */
export interface NoisyClassifier {
  readonly stage: Stage;
  /** ln p(y | x_t) of every class y, from x [n, c, h, w] and times [n]: `logs` [n, classes]. */
  readonly logs: BatchProgram;
  /** ∇ ln p(y | x_t) of a class y for each of n images, by the trained stage. */
  readonly gradient: (trained: EarlierStage, labels: readonly number[]) => ClassifierGradient;
}

/** The number of each row, [n], at indices int32 [n]. */
const pick = (rows: Tensor, indices: Tensor): Tensor => {
  const width = rows.shape[1] as number;
  const identity = NDArray.zeros([width, width]);
  for (let k = 0; k < width; k++) identity.data[k * width + k] = 1;
  return rows.mul(gather(constant(identity), indices)).sum([1]);
};

/** How many classes a classifier has. @throws ArgumentError for data without */
export const classesOf = ({ classes }: DataShape, name: string): number => {
  if (classes !== null) return classes;
  throw new ArgumentError({
    who: name,
    expected: "images with classes",
    got: "images without",
    hint: 'set data.classes to "folders"',
  });
};

/**
 * A stage whose network tells the class of an image through noise, at all levels of a process: cross-entropy of
 * x = α x0 + σ ε (Dhariwal and Nichol 2021, section 4 and appendix H).
 * @throws ArgumentError for data without classes, or a network that does not fit the images
 */
export const noisyClassifier = (parts: ClassifierParts): NoisyClassifier => {
  const { name, process, data, seed, times, heldOut } = parts;
  const { image } = data;
  const outputs = classesOf(data, name);
  const config = parseAs(
    unet2dEncoderSchema,
    { ...parts.config, in_channels: image[0] },
    { who: `config.${name}`, expected: "a network for these images" },
  );
  const sizes = { image: [image[1], image[2]], outputs } as const;
  const network = unet2dEncoder(config, sizes, new Streams(seed).get(name));
  const inputs = (n: number) =>
    ({ x: { shape: [n, ...image] }, t: { shape: [n] } }) satisfies Record<string, Spec>;
  const labels = (n: number): Spec => ({ shape: [n], dtype: "int32" });

  const loss: BatchProgram = (n) => ({
    inputs: {
      ...inputs(n),
      labels: labels(n),
      eps: { shape: [n, ...image] },
      alpha: { shape: [n, 1, 1, 1] },
      sigma: { shape: [n, 1, 1, 1] },
    },
    outputs(feeds, masks) {
      const { x: x0, t, eps, alpha, sigma, labels } = feeds as Record<string, Tensor> & Feeds;
      const logits = network.forward(qSample(x0, eps, { alpha, sigma }), t, { masks });
      return { losses: pick(logSoftmax(logits), labels).neg() };
    },
  });
  const noised = ({ images, labels }: Batch, at: ArrayLike<number>, random: Streams) => {
    const levels = Array.from(at, (time) => process.level(time));
    const column = (values: number[]) => NDArray.of(values, [values.length, 1, 1, 1]);
    return {
      x: images,
      t: NDArray.of(levels.map(({ t }) => t)),
      eps: random.get("noise").normal(images.shape),
      alpha: column(levels.map(({ alpha }) => alpha)),
      sigma: column(levels.map(({ sigma }) => sigma)),
      labels: labels as NDArray,
    };
  };
  const gradient: BatchProgram = (n) => ({
    inputs: { ...inputs(n), labels: labels(n) },
    outputs(feeds) {
      const { x, t, labels } = feeds as Record<string, Tensor> & Feeds;
      const [found] = gradients(pick(logSoftmax(network.forward(x, t)), labels).sum(), [x]);
      return { gradient: found as Tensor };
    },
  });

  return {
    stage: {
      name,
      networks: { [name]: network },
      updates: [
        {
          name: "loss",
          trains: [name],
          program: loss,
          draw: (batch, random) =>
            noised(batch, times(batch.images.shape[0] as number, random.get("time")), random),
        },
      ],
      heldOut: {
        points: heldOut,
        program: loss,
        draw: (batch, point, random) =>
          noised(batch, Array<number>(batch.images.shape[0] as number).fill(point), random),
      },
      async *generate() {},
    },
    logs: (n) => ({
      inputs: inputs(n),
      outputs: ({ x, t }) => ({ logs: logSoftmax(network.forward(x as Tensor, t as Tensor)) }),
    }),
    gradient:
      ({ evaluate }, labels) =>
      async (x, { t }) => {
        const n = labels.length;
        const feeds = { x, t: NDArray.full([n], t), labels: NDArray.of(labels, [n], "int32") };
        return (await evaluate(gradient, feeds)).gradient as NDArray;
      },
  };
};

/** What the programs are fed. */
interface Feeds {
  readonly x: Tensor;
  readonly t: Tensor;
  readonly eps: Tensor;
  readonly alpha: Tensor;
  readonly sigma: Tensor;
  readonly labels: Tensor;
}

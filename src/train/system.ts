import type { z } from "zod";
import { ArgumentError, type NDArray, type Streams } from "../base/index.ts";
import type { DataForm, Dataset } from "../data/index.ts";
import type { Denoiser, NoiseProcess, ReverseVariance } from "../diffusion/index.ts";
import type { DropoutMasks } from "../nn/index.ts";
import type { LearningRateSpec, OptimizerSpec } from "../optim/index.ts";
import type { Arrays } from "../runtime/index.ts";
import type { Start } from "../samplers/index.ts";
import type { Named, Spec, Tensor } from "../tensor/index.ts";

/** A traced computation over a stage's networks: what it is fed and what it gives. */
export interface Program {
  readonly inputs: Named<Spec>;
  readonly outputs: (inputs: Named<Tensor>, dropout?: DropoutMasks) => Named<Tensor>;
}

/** A program at every batch, the first size of all that it is fed. */
export type BatchProgram = (batch: number) => Program;

/** Runs a program with a stage's weights; a runner compiles each of them once. */
export type Evaluate = (program: BatchProgram, feeds: Named<NDArray>) => Promise<Named<NDArray>>;

/** Images in [-1, 1], points or bits, [n, c, h, w], with class indices where the data has them. */
export interface Batch {
  readonly images: NDArray;
  readonly labels?: NDArray | undefined;
}

/** One optimisation of a stage: a DDPM has one, a GAN two. */
export interface StageUpdate {
  readonly name: string;
  /** Names of the networks that it trains. */
  readonly trains: readonly string[];
  /** Gives `losses` [n], one a sample; their mean is minimised. */
  readonly program: BatchProgram;
  /** The random numbers and levels of one batch, as the program's feeds. */
  readonly draw: (batch: Batch, random: Streams, earlier: Earlier) => Feeds | Promise<Feeds>;
  /** Told, after a step, the loss of every sample of a batch, [n], beside its feeds. */
  readonly seen?: ((feeds: Arrays, losses: Float32Array) => void) | undefined;
  /** In place of the recipe's, for networks that are trained against each other. */
  readonly optimizer?: OptimizerSpec | undefined;
  readonly learningRate?: LearningRateSpec | undefined;
}

type Feeds = Named<NDArray>;

/** The loss on held-out images at fixed points of the process. */
export interface HeldOutLoss {
  /** Names of the points, e.g. timesteps. */
  readonly points: readonly number[];
  /** Gives `losses` [n], without dropout. */
  readonly program: BatchProgram;
  readonly draw: (batch: Batch, point: number, random: Streams, earlier: Earlier) => Feeds | Promise<Feeds>;
}

/** What to generate. Image k depends on seed + k alone. */
export interface GenerateRequest<S> {
  readonly seed: number;
  readonly count: number;
  /** A class index for each image; absent, images are of no class in particular. */
  readonly labels?: readonly number[] | undefined;
  /** Where to begin; noise when absent. */
  readonly start?: Start | undefined;
  readonly sampling: S;
  readonly signal?: AbortSignal | undefined;
}

/** One step of a generation: the state and the current estimate of the result, [n, c, h, w]. */
export interface Frame {
  readonly index: number;
  readonly total?: number | undefined;
  readonly x: NDArray;
  readonly denoised: NDArray;
}

/** What a stage may do with one that was trained before it, whose weights no longer change. */
export interface EarlierStage {
  /** Runs a program over its networks with the moving average of their weights. */
  readonly evaluate: Evaluate;
  /** What it generates itself; `sampling` is the system's. */
  readonly generate: (request: GenerateRequest<unknown>) => AsyncGenerator<Frame>;
}

/** The stages before one, by name. */
export type Earlier = Readonly<Record<string, EarlierStage>>;

/** The earlier stage of this name. @throws ArgumentError when it was not handed over */
export const earlierStage = (earlier: Earlier, name: string): EarlierStage => {
  const found = earlier[name];
  if (found) return found;
  const given = Object.keys(earlier).join(", ");
  throw new ArgumentError({ who: "stage", expected: `"${name}" before it`, got: given || "none" });
};

/** What bounds and likelihoods of images are computed from. */
export interface Density {
  readonly process: NoiseProcess;
  /** With a pullback. */
  readonly denoiser: Denoiser;
  /** Of the reverse chain, where the network learned it. */
  readonly variance?: ReverseVariance | undefined;
}

/** Networks trained together, their updates, and how to generate with them; it may use the stages before it. */
export interface Stage<S = unknown> {
  /** Of several stages, the name of its folder too. */
  readonly name: string;
  /** Whether images can be asked for by class; labels mean nothing to it otherwise. */
  readonly conditional?: boolean;
  /** Each network's parameters appear in checkpoints as `<network>.<parameter>`. */
  readonly networks: Readonly<Record<string, object>>;
  readonly updates: readonly StageUpdate[];
  readonly heldOut?: HeldOutLoss;
  /** Before the first step: gives buffers their values where these come from data, as the scale of latents does. */
  readonly prepare?: (batch: Batch, random: Streams, earlier: Earlier) => Promise<void>;
  /** Its previews; those of the last stage are the system's samples. */
  readonly generate: (
    request: GenerateRequest<S>,
    evaluate: Evaluate,
    earlier: Earlier,
  ) => AsyncGenerator<Frame>;
  /** Of images of these classes, one each, or of no class in particular; for a stage that has a density. */
  readonly density?: (labels: readonly number[] | undefined, evaluate: Evaluate) => Density;
}

/** What a system must know of the data before it builds networks. */
export interface DataShape {
  /** Pictures when absent. */
  readonly form?: DataForm;
  /** [c, h, w] */
  readonly image: readonly [number, number, number];
  /** Number of classes; null when the images have no labels. */
  readonly classes: number | null;
}

/** The shape of a data set, as systems need it. */
export const dataShape = ({
  form,
  images,
  classes,
}: Pick<Dataset, "form" | "images" | "classes">): DataShape => ({
  form,
  image: images.shape.slice(1) as [number, number, number],
  classes: classes?.length ?? null,
});

/** A named system of the literature behind one contract; trainer, CLI and evaluation know only this. */
export interface System<N extends string, C extends z.ZodType, S extends z.ZodType> {
  readonly name: N;
  /** One sentence and the paper. */
  readonly summary: string;
  /** What the paper itself came to, to stand beside ours. */
  readonly headline: string;
  readonly config: C;
  readonly sampling: S;
  /**
   * In the order of training; each may use those before it. The last generates for the system.
   * @param seed of the networks' initial weights
   */
  readonly stages: (config: z.output<C>, data: DataShape, seed: number) => readonly Stage<z.output<S>>[];
}

/** Declares a system; the types of its configuration follow from its schemas. */
export const defineSystem = <N extends string, C extends z.ZodType, S extends z.ZodType>(
  system: System<N, C, S>,
): System<N, C, S> => system;

import type { z } from "zod";
import type { NDArray, Streams } from "../base/index.ts";
import type { Dataset } from "../data/index.ts";
import type { Denoiser, DiffusionProcess } from "../diffusion/index.ts";
import type { DropoutMasks } from "../nn/index.ts";
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

/** Images in [-1, 1], [n, c, h, w], with class indices where the data has them. */
export interface Batch {
  readonly images: NDArray;
  readonly labels?: NDArray | undefined;
}

/** One optimisation of a stage: a DDPM has one, a GAN two. */
export interface StageUpdate {
  readonly name: string;
  /** Names of the networks that it trains. */
  readonly trains: readonly string[];
  /** Done at every n-th step. */
  readonly every: number;
  /** Gives `losses` [n], one a sample; their mean is minimised. */
  readonly program: BatchProgram;
  /** The random numbers and levels of one batch, as the program's feeds. */
  readonly draw: (batch: Batch, random: Streams) => Named<NDArray>;
}

/** The loss on held-out images at fixed points of the process. */
export interface HeldOutLoss {
  /** Names of the points, e.g. timesteps. */
  readonly points: readonly number[];
  /** Gives `losses` [n], without dropout. */
  readonly program: BatchProgram;
  readonly draw: (batch: Batch, point: number, random: Streams) => Named<NDArray>;
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

/** What bounds and likelihoods of images are computed from. */
export interface Density {
  readonly process: DiffusionProcess;
  /** With a pullback. */
  readonly denoiser: Denoiser;
}

/** Networks trained together, their updates, and how to generate with them. */
export interface Stage<S = unknown> {
  readonly name: string;
  /** Whether images can be asked for by class; labels mean nothing to it otherwise. */
  readonly conditional?: boolean;
  /** Each network's parameters appear in checkpoints as `<network>.<parameter>`. */
  readonly networks: Readonly<Record<string, object>>;
  readonly updates: readonly StageUpdate[];
  readonly heldOut?: HeldOutLoss;
  readonly generate: (request: GenerateRequest<S>, evaluate: Evaluate) => AsyncGenerator<Frame>;
  /** Of images of these classes, one each, or of no class in particular; for a stage that has a density. */
  readonly density?: (labels: readonly number[] | undefined, evaluate: Evaluate) => Density;
}

/** What a system must know of the data before it builds networks. */
export interface DataShape {
  /** [c, h, w] */
  readonly image: readonly [number, number, number];
  /** Number of classes; null when the images have no labels. */
  readonly classes: number | null;
}

/** The shape of a data set, as systems need it. */
export const dataShape = ({ images, classes }: Pick<Dataset, "images" | "classes">): DataShape => ({
  image: images.shape.slice(1) as [number, number, number],
  classes: classes?.length ?? null,
});

/** A named system of the literature behind one contract; trainer, CLI and evaluation know only this. */
export interface System<N extends string, C extends z.ZodType, S extends z.ZodType> {
  readonly name: N;
  /** One sentence and the paper. */
  readonly summary: string;
  readonly config: C;
  readonly sampling: S;
  /** @param seed of the networks' initial weights */
  readonly stages: (config: z.output<C>, data: DataShape, seed: number) => readonly Stage<z.output<S>>[];
}

/** Declares a system; the types of its configuration follow from its schemas. */
export const defineSystem = <N extends string, C extends z.ZodType, S extends z.ZodType>(
  system: System<N, C, S>,
): System<N, C, S> => system;

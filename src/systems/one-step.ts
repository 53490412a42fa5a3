import { z } from "zod";
import { ArgumentError, type Generator, imageGenerators, NDArray } from "../base/index.ts";
import { initialNoise } from "../samplers/index.ts";
import type { Named, Spec } from "../tensor/index.ts";
import type { Batch, BatchProgram, DataShape, Evaluate, Frame, GenerateRequest } from "../train/index.ts";
import { requireClasses, requireLabels } from "./class-labels.ts";

/** Whether images are asked for by class. */
export const classesSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("none") }),
    z.strictObject({ kind: z.literal("class") }),
  ])
  .default({ kind: "none" });

/** How a system samples that makes an image of noise in one step. */
export const oneStepSamplingSchema = z.strictObject({
  /** What the noise is multiplied with: below 1, images are more alike and more typical. */
  temperature: z.number().nonnegative().default(1),
});
export type OneStepSampling = z.output<typeof oneStepSamplingSchema>;

/** How many classes a network is told of; null for none. @throws ArgumentError for data without those asked for */
export const classesOf = (
  { conditioning }: { readonly conditioning: z.output<typeof classesSchema> },
  { classes }: DataShape,
): number | null => (conditioning.kind === "class" ? requireClasses(classes) : null);

/** The same of a network of pictures. @throws ArgumentError also for data of another form */
export const pictureClassesOf = (config: Parameters<typeof classesOf>[0], data: DataShape): number | null => {
  const { form = "pictures" } = data;
  if (form !== "pictures")
    throw new ArgumentError({ who: "config.network", expected: "pictures", got: form });
  return classesOf(config, data);
};

/** The labels of a batch, where classes count. */
export const labelFeed = (classes: number | null, labels: Batch["labels"]): Named<NDArray> =>
  classes !== null && labels ? { labels } : {};

/** The same as the input of a program over n images. */
export const labelInput = (classes: number | null, n: number): Named<Spec> =>
  classes !== null ? { labels: { shape: [n], dtype: "int32" } } : {};

/**
 * The labels that a network is fed to make images: those asked for, or of each image one that is drawn.
 * @throws ArgumentError for classes that the network does not know
 */
export const toldClasses = (
  { labels, count }: Pick<GenerateRequest<unknown>, "labels" | "count">,
  classes: number | null,
  generators: readonly Generator[],
): Named<NDArray> => {
  if (classes === null) {
    if (labels)
      throw new ArgumentError({ who: "labels", expected: "none, as it has no classes", got: "some" });
    return {};
  }
  requireLabels({ labels, count }, classes);
  const drawn = () => generators.map((generator) => generator.integers(0, classes, [1]).data[0] as number);
  return { labels: NDArray.of(labels ?? drawn(), [count], "int32") };
};

interface OneStep {
  readonly name: string;
  readonly latents: number;
  readonly classes: number | null;
  /** From `z` [n, latents], and `labels`, to `images`. */
  readonly decode: BatchProgram;
}

/**
 * Images of noise in one step. Those of no class in particular are each of one that is drawn.
 * @throws ArgumentError for something to begin with, or classes that the network does not know
 */
export async function* generateAtOnce(
  { seed, count, labels, start = { kind: "noise" }, sampling }: GenerateRequest<OneStepSampling>,
  evaluate: Evaluate,
  { name, latents, classes, decode }: OneStep,
): AsyncGenerator<Frame, void> {
  if (start.kind !== "noise")
    throw new ArgumentError({ who: name, expected: "noise to begin with", got: start.kind });
  const generators = imageGenerators(seed, count);
  const z = initialNoise(generators, [latents]).mul(sampling.temperature);
  const told = toldClasses({ labels, count }, classes, generators);
  const x = (await evaluate(decode, { z, ...told })).images as NDArray;
  if (!x.isFinite())
    throw new ArgumentError({ who: name, expected: "finite images", got: "NaN or infinity" });
  yield { index: 0, total: 1, x, denoised: x };
}

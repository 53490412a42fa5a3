import { z } from "zod";
import { ArgumentError, NDArray, type Streams } from "../base/index.ts";
import type { Batch, DataShape, GenerateRequest } from "../train/index.ts";

/** Whether the classes of the images guide the network. */
export const conditioningSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("none") }),
    z.strictObject({
      kind: z.literal("class"),
      /** How often the class is left out, so that the network also learns to do without it. */
      labelDropout: z.number().min(0).lt(1).default(0.1),
    }),
  ])
  .default({ kind: "none" });
export type Conditioning = z.output<typeof conditioningSchema>;

/** How classes reach a network. */
export interface ClassLabels {
  /** Rows of its table of classes; null when it is told of none. */
  readonly embeddings: number | null;
  /** The row that stands for "no class", which is also how many classes there are. */
  readonly none: number;
  /** A batch of training, in which the class is left out at random (Ho and Salimans 2022). */
  drop(batch: Batch, random: Streams): Batch;
}

/** @throws ArgumentError for images without the classes that are asked for */
export const classLabels = (conditioning: Conditioning, classes: DataShape["classes"]): ClassLabels => {
  if (conditioning.kind === "none") return { embeddings: null, none: 0, drop: (batch) => batch };
  const known = requireClasses(classes);
  return {
    embeddings: known + 1,
    none: known,
    drop({ images, labels }, random) {
      const n = images.shape[0] as number;
      const chance = random.get("labels").uniform([n]).data;
      const kept = Array.from(labels?.data ?? [], (name, i) =>
        (chance[i] as number) < conditioning.labelDropout ? known : name,
      );
      return { images, labels: NDArray.of(kept, [n], "int32") };
    },
  };
};

/** How many classes the data have. @throws ArgumentError when they have none */
export const requireClasses = (classes: DataShape["classes"]): number => {
  if (classes !== null) return classes;
  throw new ArgumentError({
    who: "conditioning",
    expected: "images with classes",
    got: "images without",
    hint: 'set data.classes to "folders", or conditioning.kind to "none"',
  });
};

/** @throws ArgumentError unless there is one class an image, and each is one that the model knows */
export const requireLabels = (
  { labels, count }: Pick<GenerateRequest<unknown>, "labels" | "count">,
  classes: number,
): void => {
  if (labels && labels.length !== count)
    throw new ArgumentError({
      who: "labels",
      expected: `${count}, one an image`,
      got: String(labels.length),
    });
  for (const index of labels ?? []) requireClass("labels", index, classes);
};

/** @throws ArgumentError unless the index is that of a class */
export const requireClass = (who: string, index: number, classes: number): void => {
  if (Number.isInteger(index) && index >= 0 && index < classes) return;
  throw new ArgumentError({ who, expected: `classes from 0 to ${classes - 1}`, got: String(index) });
};

import { z } from "zod";
import { learningRateSchema, optimizerSchema } from "../optim/index.ts";

const count = z.int().positive();

/** How a run trains, apart from what it trains. Intervals are in optimizer steps. */
export const trainingSchema = z.strictObject({
  seed: z.int().nonnegative().default(0),
  steps: count,
  /** Images of one micro-batch. */
  batch: count.default(64),
  /** Micro-batches of one optimizer step. */
  accumulate: count.default(1),
  optimizer: optimizerSchema.prefault({ kind: "adamw" }),
  learningRate: learningRateSchema.prefault({ peak: 1e-3 }),
  /** Largest global gradient norm; null for no clipping. */
  clip: z.number().positive().nullable().default(1),
  /** Largest decay of the weights' moving average. */
  ema: z.number().min(0).lt(1).default(0.999),
  /** Mirror images left to right at random. */
  flip: z.boolean().default(false),
  /** Fraction of the images kept away from training, to measure the loss on. */
  heldOut: z.number().min(0).max(0.5).default(0.02),
  checkpointEvery: count.default(200),
  /** Newest checkpoints that stay; the one with the lowest held-out loss stays beside them. */
  keep: count.default(2),
  previewEvery: count.default(200),
  heldOutEvery: count.default(200),
  /** Steps in a row with a NaN or infinite loss or gradient after which the run stops. */
  maxSkips: count.default(5),
});
export type TrainingOptions = z.output<typeof trainingSchema>;

/** What a recipe of several stages says of one of them alone: fields in place of the whole recipe's. */
export const stageTrainingSchema = z.strictObject(
  Object.fromEntries(
    Object.entries(trainingSchema.omit({ seed: true }).shape).map(([name, field]) => [
      name,
      // Without its default: what is not said stays as it is for all.
      (field instanceof z.ZodDefault || field instanceof z.ZodPrefault ? field.unwrap() : field).optional(),
    ]),
  ),
) as unknown as z.ZodType<
  Partial<Omit<TrainingOptions, "seed">>,
  Partial<Omit<z.input<typeof trainingSchema>, "seed">>
>;

/** How a stage trains: as all do, but for what is said of it alone. */
export const stageTraining = <T extends object>(
  {
    training,
    stages,
  }: { readonly training: T; readonly stages?: Readonly<Record<string, Partial<T>>> | undefined },
  stage: string,
): T => ({ ...training, ...stages?.[stage] });

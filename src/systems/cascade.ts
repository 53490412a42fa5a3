import { z } from "zod";
import { ArgumentError } from "../base/index.ts";
import { diffusionProcess, scheduleSchema } from "../diffusion/index.ts";
import { type Batch, type DataShape, defineSystem, type Stage } from "../train/index.ts";
import { conditioningSchema } from "./class-labels.ts";
import { type DenoisingEquations, denoisingStage } from "./denoising.ts";
import { unetNetworkSchema } from "./denoising-network.ts";
import { noiseObjective } from "./denoising-objective.ts";
import { guidedSamplingSchema } from "./guided-sampling.ts";
import { reduced } from "./pixel-squares.ts";
import { augmentationSchema, type CascadeSampling, superResolutionStage } from "./super-resolution.ts";

/** Fractions of the timesteps at which the held-out losses are measured. */
const HELD_OUT = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];

/** A network, and the side in pixels of the images that it makes. */
const sized = { size: z.int().positive(), network: unetNetworkSchema };

/**
 * Cascaded diffusion (Ho et al. 2022): a network makes small images, others make larger ones from them, each trained by
 * itself on the data reduced to its size. What a network of super-resolution sees is augmented, in training to levels
 * that it is told, so that faults of the stage before do not mislead it.
 */
export const cascade = defineSystem({
  name: "cascade",
  summary: "Cascaded diffusion models with conditioning augmentation (Ho et al. 2022)",
  headline: "ImageNet: FID 1.48 at 64×64, 3.52 at 128×128, 4.88 at 256×256",
  config: z.strictObject({
    schedule: scheduleSchema.prefault({ beta_schedule: "squaredcos_cap_v2" }),
    conditioning: conditioningSchema,
    base: z.strictObject(sized),
    /** From fewer pixels to more; the last makes images of the data's size. */
    superResolution: z.array(z.strictObject({ ...sized, augmentation: augmentationSchema })).min(1),
  }),
  sampling: guidedSamplingSchema({ kind: "ddim" }).extend({
    /** The level to which what was generated is changed: a share of the process's time, or pixels of blur. */
    augmentation: z.number().nonnegative().default(0),
  }),
  stages(config, data, seed) {
    const { base, superResolution, schedule, conditioning } = config;
    requireSizes(
      [base, ...superResolution].map(({ size }) => size),
      data,
    );
    const process = diffusionProcess(schedule);
    const equations = {
      process,
      reading: { prediction: "epsilon" },
      objective: noiseObjective,
      times: (n, random) => random.integers(0, process.steps, [n]).data,
      heldOut: HELD_OUT.map((fraction) => Math.round(fraction * (process.steps - 1))),
    } satisfies Omit<DenoisingEquations<CascadeSampling>, "name">;
    const dataAt = (size: number): DataShape => ({ ...data, image: [data.image[0], size, size] });
    const first = denoisingStage<CascadeSampling>(
      { ...equations, name: "base" },
      { config: { network: base.network, conditioning }, data: dataAt(base.size), seed },
    );
    const nameOf = (index: number): string =>
      index === 0 ? "base" : `super-${superResolution[index - 1]?.size}`;
    const others = superResolution.map(({ size, network, augmentation }, i) =>
      superResolutionStage(
        { ...equations, name: nameOf(i + 1) },
        {
          ...{ network, conditioning, augmentation, seed },
          data: dataAt(size),
          lower: { name: nameOf(i), side: superResolution[i - 1]?.size ?? base.size },
        },
      ),
    );
    return [first, ...others].map((stage, i) =>
      trainedAt(stage, i === 0 ? base.size : (superResolution[i - 1]?.size as number)),
    );
  },
});

/** A stage that learns from the images reduced to a side. */
const trainedAt = <S>(stage: Stage<S>, side: number): Stage<S> => {
  const smaller = (batch: Batch): Batch => ({ ...batch, images: reduced(batch.images, side) });
  const { updates, heldOut } = stage;
  return {
    ...stage,
    updates: updates.map((update) => ({
      ...update,
      draw: (batch, random, earlier) => update.draw(smaller(batch), random, earlier),
    })),
    ...(heldOut && {
      heldOut: {
        ...heldOut,
        draw: (batch, point, random, earlier) => heldOut.draw(smaller(batch), point, random, earlier),
      },
    }),
  };
};

/** @throws ArgumentError unless each size divides the next, and the last is the data's */
const requireSizes = (sizes: readonly number[], { image: [, h, w] }: DataShape): void => {
  const rising = sizes.every(
    (size, i) => i === 0 || (size > (sizes[i - 1] as number) && size % (sizes[i - 1] as number) === 0),
  );
  if (rising && sizes.at(-1) === h && h === w) return;
  throw new ArgumentError({
    who: "config of the cascade",
    expected: "sizes of which each divides the next, the last that of the square images",
    got: `${sizes.join(", ")} for images of ${h}×${w}`,
  });
};

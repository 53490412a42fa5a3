import type { NDArray } from "../../base/index.ts";
import { toPixels } from "../../data/index.ts";
import type { SamplerKind } from "../../samplers/index.ts";
import {
  hasSampler,
  openTrained,
  type Recipe,
  type SampleRequest,
  samplingOf,
  type Trained,
} from "../../systems/index.ts";
import type { Frame } from "../../train/index.ts";
import { UsageError } from "../command.ts";

/** Runs work with a trained model, which is closed again whatever happens. */
export const withModel = async <T>(path: string, work: (model: Trained) => Promise<T>): Promise<T> => {
  const model = await openTrained(path);
  try {
    const { form } = model.checkpoint.header;
    if (form !== "pictures")
      throw new UsageError({ who: "--model", expected: "a model of pictures", got: `one of ${form}` });
    return await work(model);
  } finally {
    await model.close();
  }
};

interface Changes {
  readonly sampler?: SamplerKind | undefined;
  readonly steps?: number | undefined;
  readonly guidance?: number | undefined;
}

/** The model's own way of sampling but for what is changed. */
export const samplingWith = (
  { recipe }: Trained,
  { sampler, steps, guidance }: Changes,
): Recipe["sampling"] => {
  const { system } = recipe;
  if (!hasSampler(recipe))
    throw new UsageError({
      who: "--model",
      expected: "a system that goes from noise to images step by step",
      got: system,
    });
  const own = recipe.sampling.sampler;
  const base = sampler === undefined || sampler === own.kind ? own : { kind: sampler };
  return samplingOf(recipe, {
    sampler: { ...base, ...(steps !== undefined && { steps }) },
    ...(guidance !== undefined && { guidance }),
  });
};

/** Every frame of a generation. */
export const framesOf = async (model: Trained, request: SampleRequest): Promise<Frame[]> => {
  const frames: Frame[] = [];
  for await (const frame of model.sample(request)) frames.push(frame);
  return frames;
};

/** The model's classes in turn, one an image; undefined where it has none. */
export const labelsInTurn = ({ checkpoint }: Trained, count: number): number[] | undefined => {
  const { classes } = checkpoint.header;
  return classes ? Array.from({ length: count }, (_, k) => k % classes.length) : undefined;
};

/** What image k is of, for reading. */
export const nameOf = ({ checkpoint }: Trained, labels: readonly number[] | undefined, k: number): string =>
  labels ? `class ${checkpoint.header.classes?.[labels[k] as number]}` : `image ${k + 1}`;

/** Image k of a batch [n, c, h, w] in [-1, 1], as pixels. */
export const imageAt = (batch: NDArray, k: number): NDArray => toPixels(batch.rows(k, k + 1)).row(0);

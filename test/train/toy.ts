import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Generator, NDArray } from "../../src/base/index.ts";
import { makeDataset } from "../../src/data/index.ts";
import { type Named, Parameter, type Tensor } from "../../src/tensor/index.ts";
import {
  readCheckpoint,
  type Stage,
  type TrainEvent,
  type TrainJob,
  train,
  trainingSchema,
} from "../../src/train/index.ts";

const image = [1, 2, 2] as const;

/** Sixteen images of four pixels. */
export const toyDataset = makeDataset({
  name: "toy",
  images: new Generator(1).integers(0, 256, [16, ...image]).cast("uint8"),
  labels: null,
  classes: null,
  skipped: [],
});

export interface ToyOptions {
  /** Calls of `draw`, from 0, whose noise is NaN. */
  readonly poisoned?: (draw: number) => boolean;
  /** What the measurements of the held-out loss give, one after another; without it nothing is measured. */
  readonly heldOut?: readonly number[];
  /** Whether a preview is made: the weights, divided by 4, as every one of its images. */
  readonly previews?: boolean;
}

/** A stage whose network is one weight a pixel: it learns to scale images towards noise. */
export const toyStage = ({
  poisoned = () => false,
  heldOut,
  previews = false,
}: ToyOptions = {}): Stage<null> => {
  const weight = new Parameter(NDArray.full([1, ...image], 3));
  let draws = 0;
  const levels = heldOut?.values();
  return {
    name: "toy",
    networks: { net: { weight } },
    updates: [
      {
        name: "loss",
        trains: ["net"],
        program: (n) => ({
          inputs: { x: { shape: [n, ...image] }, noise: { shape: [n, ...image] } },
          outputs: ({ x, noise }) => {
            const error = (x as typeof weight).mul(weight).sub(noise as typeof weight);
            return { losses: error.mul(error).mean([1, 2, 3]) };
          },
        }),
        draw({ images }, random) {
          const noise = random.get("noise").normal(images.shape);
          return { x: images, noise: poisoned(draws++) ? noise.mul(Number.NaN) : noise };
        },
      },
    ],
    ...(levels && {
      heldOut: {
        points: [0],
        program: (n) => ({
          inputs: { x: { shape: [n, ...image] }, level: { shape: [n] } },
          outputs: ({ x, level }) => ({
            losses: (x as typeof weight)
              .mul(weight)
              .mean([1, 2, 3])
              .mul(0)
              .add(level as typeof weight),
          }),
        }),
        draw: ({ images }) => ({
          x: images,
          level: NDArray.full([images.shape[0] as number], levels.next().value ?? Number.NaN),
        }),
      },
    }),
    async *generate({ count }, evaluate) {
      if (!previews) return;
      const quarters = NDArray.full([count, ...image], 0.25);
      const program = (n: number) => ({
        inputs: { x: { shape: [n, ...image] } },
        outputs: ({ x }: Named<Tensor>) => ({ weights: (x as Tensor).mul(weight) }),
      });
      const { weights } = await evaluate(program, { x: quarters });
      yield { index: 0, total: 1, x: weights as NDArray, denoised: weights as NDArray };
    },
  };
};

const training = {
  steps: 12,
  batch: 4,
  learningRate: { peak: 0.05, warmup: 3, decay: "cosine" },
  checkpointEvery: 4,
  heldOut: 0,
  ema: 0.9,
};

/** A job of the toy stage; `training` changes its defaults. */
export const toyJob = async (
  changes: Partial<Omit<TrainJob<null>, "training">> & { readonly training?: object } = {},
): Promise<TrainJob<null>> => {
  const options = trainingSchema.parse({ ...training, ...changes.training });
  return {
    folder: changes.folder ?? join(await mkdtemp(join(tmpdir(), "undiffuse-train-")), "run"),
    stage: toyStage(),
    dataset: toyDataset,
    sampling: null,
    recipe: { name: "toy", training: options },
    resume: false,
    threads: 1,
    ...changes,
    training: options,
  };
};

/** Every event of a training; `until` may stop watching it early through the signal it is given. */
export const eventsOf = async (
  job: TrainJob<null>,
  interruptAfter = Number.POSITIVE_INFINITY,
): Promise<TrainEvent[]> => {
  const controller = new AbortController();
  const events: TrainEvent[] = [];
  for await (const event of train({ ...job, signal: controller.signal })) {
    events.push(event);
    if (event.kind === "step" && event.step === interruptAfter) controller.abort();
  }
  return events;
};

/** The event of this kind that came last. */
export const lastOf = <K extends TrainEvent["kind"]>(
  events: readonly TrainEvent[],
  kind: K,
): Extract<TrainEvent, { kind: K }> => {
  const found = events.findLast((event) => event.kind === kind);
  if (!found) throw new Error(`no event "${kind}" among: ${events.map((event) => event.kind).join(", ")}`);
  return found as Extract<TrainEvent, { kind: K }>;
};

/** The tensors of a checkpoint as plain numbers, for exact comparison. */
export const numbersOf = async (path: string): Promise<Record<string, number[]>> => {
  const { tensors } = await readCheckpoint(path);
  return Object.fromEntries([...tensors].map(([name, { data }]) => [name, [...data]]));
};

import { Generator, NDArray } from "../base/index.ts";
import type { Cost } from "../lower/index.ts";
import { unet2dCondition, unet2dConditionSchema } from "../models/index.ts";
import type { EvaluateOptions } from "../train/index.ts";
import { type Footprint, footprint } from "./footprint.ts";
import { openNetwork } from "./network.ts";
import { outlineOf } from "./outline.ts";
import { chosenSize } from "./picture-size.ts";
import type { PipelineSource } from "./pipeline-source.ts";
import type { PictureRequest } from "./request.ts";
import { MAX_LENGTH } from "./tokenizer-files.ts";
import { evaluation, evaluationCost, evaluationFeeds } from "./unet-evaluation.ts";

/** What making a picture takes, told before its weights are read. */
export interface PictureForecast {
  readonly parts: readonly Footprint[];
  readonly width: number;
  readonly height: number;
  /** Of the sampler, when no others are asked for. */
  readonly steps: number;
  /** Of the network, once: for a guided picture, both of its estimates. */
  readonly evaluation: Cost;
}

/**
 * Reads configurations and the headers of weights, and plans an evaluation of the network.
 * @throws as `openPipeline` does, but for weights
 */
export const forecastPicture = async (
  source: PipelineSource,
  request: Pick<PictureRequest, "width" | "height" | "steps" | "guidance">,
): Promise<PictureForecast> => {
  const { family, config, size, isGuided } = await outlineOf(source);
  const { width, height } = chosenSize(request, size);
  return {
    parts: await footprint(source),
    width,
    height,
    steps: request.steps ?? family.steps,
    evaluation: evaluationCost(config, {
      n: isGuided(request.guidance) ? 2 : 1,
      height: height / size.multiple,
      width: width / size.multiple,
      tokens: family.conditioning === "picture" ? 1 : MAX_LENGTH,
    }),
  };
};

/**
 * Bytes of weights when a picture is made: those of all parts in float32, and those of the network once more, laid out for
 * the engine.
 */
export const weightBytes = (parts: readonly Footprint[]): number =>
  parts.reduce((sum, { name, held }) => sum + (name === "unet" ? 2 : 1) * held, 0);

/** A piece of Stable Diffusion's network: a level of 320 channels down, a middle and a level up. */
const PIECE = unet2dConditionSchema.parse({
  block_out_channels: [320],
  layers_per_block: 1,
  down_block_types: ["CrossAttnDownBlock2D"],
  up_block_types: ["CrossAttnUpBlock2D"],
  cross_attention_dim: 768,
});
const PIECE_FEEDS = { n: 2, height: 32, width: 32, tokens: MAX_LENGTH };

/** Floating-point operations a second of a piece of a network here: the second of two evaluations. */
export const measureRate = async (options: EvaluateOptions): Promise<number> => {
  const random = new Generator(0);
  const module = unet2dCondition(PIECE, random);
  const network = openNetwork(module, evaluation(module), options);
  const feeds = Object.fromEntries(
    Object.entries(evaluationFeeds(PIECE, PIECE_FEEDS)).map(([name, { shape }]) => [
      name,
      name === "timestep" ? NDArray.full(shape, 500) : random.normal(shape),
    ]),
  );
  try {
    await network.run(feeds); // the first also lays out weights
    const started = performance.now();
    await network.run(feeds);
    return (1000 * evaluationCost(PIECE, PIECE_FEEDS).flop) / (performance.now() - started);
  } finally {
    await network.close();
  }
};

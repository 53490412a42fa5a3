import { type Cost, costOf } from "../lower/index.ts";
import {
  conditionShapes,
  type UNet2DCondition,
  type UNet2DConditionConfig,
  type UNet2DConditionInputs,
  unet2dCondition,
} from "../models/index.ts";
import { blank, leaves } from "../nn/index.ts";
import { type Named, type Spec, type Tensor, trace } from "../tensor/index.ts";

/** A network as a function of what `latentDenoiser` feeds it. */
export const evaluation =
  (module: Pick<UNet2DCondition, "forward">) =>
  ({ sample, timestep, ...inputs }: Named<Tensor>): Named<Tensor> => ({
    output: module.forward(
      sample as Tensor,
      timestep as Tensor,
      inputs as Named<Tensor> & UNet2DConditionInputs,
    ),
  });

/** What is evaluated at once. */
export interface Evaluated {
  /** Estimates: two a picture where they are guided. */
  readonly n: number;
  /** Sides of the latents. */
  readonly height: number;
  readonly width: number;
  /** Of a text, or 1 of a picture. */
  readonly tokens: number;
}

/** Sizes that pictures are told to have: of the whole, where it was cut, and its own. */
const SIZES = 6;

/** What such a network is fed. */
export const evaluationFeeds = (
  config: UNet2DConditionConfig,
  { n, height, width, tokens }: Evaluated,
): Named<Spec> => {
  const told = Object.entries(conditionShapes(config, { n, sizes: SIZES })).flatMap(([name, shape]) => {
    const whole = name === "classLabels" && config.class_embed_type !== "projection";
    const dtype = whole ? "int32" : "float32";
    return shape ? [[name, { shape: shape.map((size) => size ?? tokens), dtype }] as const] : [];
  });
  return {
    sample: { shape: [n, config.in_channels, height, width] },
    timestep: { shape: [n] },
    ...Object.fromEntries(told),
  };
};

/** What an evaluation takes, with no weights in memory. */
export const evaluationCost = (config: UNet2DConditionConfig, evaluated: Evaluated): Cost => {
  const module = unet2dCondition(config, blank);
  return costOf(trace(evaluationFeeds(config, evaluated), evaluation(module), leaves(module)));
};

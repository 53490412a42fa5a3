import { ArgumentError, type Generator, type Shape, ShapeError, showShape } from "../base/index.ts";
import { activations, conv2d, embedding, groupNorm, sinusoids, timeEmbedding } from "../nn/index.ts";
import { cast, concat, type Tensor } from "../tensor/index.ts";
import { transformer2d } from "./transformer-2d.ts";
import { type Context, downBlock, type Flow, midBlock, upBlock } from "./unet-2d-blocks.ts";
import type { UNet2DConditionConfig } from "./unet-2d-condition-config.ts";
import { conditionLayoutOf } from "./unet-2d-condition-layout.ts";

/** What the network is told beside image and time; what its configuration has no use for is refused. */
export interface UNet2DConditionInputs {
  /** What it attends to, [n, tokens, cross_attention_dim]: a text's states. */
  readonly states: Tensor;
  /** int32 [n] of a table or of times, or float32 [n, projection_class_embeddings_input_dim]. */
  readonly classLabels?: Tensor | undefined;
  /** Of a whole text, [n, width]; with `timeIds`, sizes in pixels [n, count]. */
  readonly textEmbeds?: Tensor | undefined;
  readonly timeIds?: Tensor | undefined;
  /** An embedding of the scale of guidance, [n, time_cond_proj_dim]. */
  readonly guidance?: Tensor | undefined;
}

/**
 * diffusers' `UNet2DConditionModel` (Rombach et al. 2022): its keys are that model's parameter names. `forward` takes
 * images [n, in_channels, h, w], times float32 [n] and what they are of, and gives [n, out_channels, h, w].
 */
export const unet2dCondition = (config: UNet2DConditionConfig, random: Generator) => {
  const [first] = config.block_out_channels as [number];
  const time = config.time_embedding_dim ?? 4 * first;
  const layout = conditionLayoutOf(config);
  const activation = activations[config.act_fn];
  const waves = { flip: config.flip_sin_to_cos, shift: config.freq_shift };
  const workshop = {
    config,
    random,
    time,
    attention(options: Parameters<typeof transformer2d>[1]) {
      const part = transformer2d(random, options);
      return { ...part, forward: (x: Tensor, { states }: Context) => part.forward(x, states as Tensor) };
    },
  };
  const conv = (from: number, to: number, kernel: number) =>
    conv2d(random, from, to, { kernel, padding: Math.floor((kernel - 1) / 2) });

  const conv_in = conv(config.in_channels, first, config.conv_in_kernel);
  const time_embedding = timeEmbedding(random, first, time, {
    condition: config.time_cond_proj_dim ?? undefined,
    activation,
  });
  const classes = classEmbedding(config, random, time);
  const addition = additionEmbedding(config, random, time);
  const down_blocks = layout.down.map((each) => downBlock(workshop, each));
  const mid_block = layout.mid ? midBlock(workshop, layout.mid) : undefined;
  const up_blocks = layout.up.map((each) => upBlock(workshop, each));
  const conv_norm_out = groupNorm(first, {
    groups: layout.out.count,
    eps: config.norm_eps,
    silu: config.act_fn === "silu",
  });
  const conv_out = conv(first, config.out_channels, config.conv_out_kernel);

  return {
    config,
    conv_in,
    time_embedding,
    ...(classes && { class_embedding: classes.part }),
    ...(addition && { add_embedding: addition.part }),
    down_blocks,
    ...(mid_block && { mid_block }),
    up_blocks,
    conv_norm_out,
    conv_out,
    forward(sample: Tensor, timestep: Tensor, inputs: UNet2DConditionInputs): Tensor {
      checkInputs(config, sample, inputs);
      const { states, guidance } = inputs;
      const added = [classes?.forward(inputs), addition?.forward(inputs)].filter(
        (each) => each !== undefined,
      );
      const told = added.reduce(
        (sum, each) => sum.add(each),
        time_embedding.forward(sinusoids(timestep, first, waves), guidance),
      );
      const context: Context = { told: activation(told), masks: undefined, states };
      let flow: Flow = {
        x: conv_in.forward(config.center_input_sample ? sample.mul(2).sub(1) : sample),
        image: undefined,
      };
      const skips = [flow.x];
      for (const block of down_blocks) flow = block.forward(flow, context, skips);
      if (mid_block) flow = { x: mid_block.forward(flow.x, context), image: undefined };
      for (const block of up_blocks) flow = block.forward(flow, context, skips);
      const normed = conv_norm_out.forward(flow.x);
      return conv_out.forward(config.act_fn === "silu" ? normed : activation(normed));
    },
  };
};
export type UNet2DCondition = ReturnType<typeof unet2dCondition>;

/** What is added to the embedding of time, [n, time]. */
interface Added {
  readonly part: object;
  forward(inputs: UNet2DConditionInputs): Tensor;
}

const classEmbedding = (
  config: UNet2DConditionConfig,
  random: Generator,
  time: number,
): Added | undefined => {
  const [first] = config.block_out_channels as [number];
  if (config.class_embed_type === "timestep") {
    const part = timeEmbedding(random, first, time, { activation: activations[config.act_fn] });
    const waves = { flip: config.flip_sin_to_cos, shift: config.freq_shift };
    const features = (labels: Tensor) => sinusoids(cast(labels, "float32"), first, waves);
    return { part, forward: ({ classLabels }) => part.forward(features(classLabels as Tensor)) };
  }
  if (config.class_embed_type === "projection") {
    const part = timeEmbedding(random, config.projection_class_embeddings_input_dim as number, time);
    return { part, forward: ({ classLabels }) => part.forward(classLabels as Tensor) };
  }
  if (config.num_class_embeds === null) return undefined;
  const part = embedding(random, config.num_class_embeds, time);
  return { part, forward: ({ classLabels }) => part.forward(classLabels as Tensor) };
};

/** A text's embedding beside waves of each size (Podell et al. 2023, section 2.2). */
const additionEmbedding = (
  config: UNet2DConditionConfig,
  random: Generator,
  time: number,
): Added | undefined => {
  if (config.addition_embed_type === null) return undefined;
  const part = timeEmbedding(random, config.projection_class_embeddings_input_dim as number, time);
  const waves = { flip: config.flip_sin_to_cos, shift: config.freq_shift };
  return {
    part,
    forward({ textEmbeds, timeIds }) {
      const [text, ids] = [textEmbeds as Tensor, timeIds as Tensor];
      const sizes = sinusoids(ids.reshape([-1]), config.addition_time_embed_dim as number, waves);
      return part.forward(concat([text, sizes.reshape([ids.shape[0] as number, -1])], 1));
    },
  };
};

/** The shape that each input must have, n images told so many sizes each; null for one that the network takes none of. */
export const conditionShapes = (
  config: UNet2DConditionConfig,
  { n, sizes }: { readonly n: number; readonly sizes: number },
): Readonly<Record<keyof UNet2DConditionInputs, readonly (number | null)[] | null>> => {
  const vectors = config.projection_class_embeddings_input_dim;
  const labels = config.class_embed_type === "projection" ? [n, vectors] : [n];
  const embeds = config.class_embed_type !== null || config.num_class_embeds !== null;
  const adds = config.addition_embed_type !== null;
  const width = Array.isArray(config.cross_attention_dim)
    ? (config.cross_attention_dim[0] as number)
    : config.cross_attention_dim;
  return {
    states: [n, null, width],
    classLabels: embeds ? labels : null,
    timeIds: adds ? [n, sizes] : null,
    textEmbeds: adds ? [n, (vectors ?? 0) - (config.addition_time_embed_dim ?? 0) * sizes] : null,
    guidance: config.time_cond_proj_dim === null ? null : [n, config.time_cond_proj_dim],
  };
};

const fits = (shape: Shape, wanted: readonly (number | null)[]): boolean =>
  shape.length === wanted.length && wanted.every((size, axis) => size === null || size === shape[axis]);

const showWanted = (wanted: readonly (number | null)[]): string =>
  `[${wanted.map((size) => size ?? "any").join(", ")}]`;

const checkInputs = (config: UNet2DConditionConfig, sample: Tensor, inputs: UNet2DConditionInputs): void => {
  const n = sample.shape[0] ?? 0;
  const image = [n, config.in_channels, null, null];
  if (!fits(sample.shape, image))
    throw new ShapeError({
      who: "unet2dCondition",
      expected: `images ${showWanted(image)}`,
      got: showShape(sample.shape),
    });
  for (const [name, wanted] of Object.entries(
    conditionShapes(config, { n, sizes: inputs.timeIds?.shape[1] ?? 0 }),
  )) {
    const got = inputs[name as keyof UNet2DConditionInputs];
    // A consistency model may be told no scale: its projection then adds nothing.
    if (wanted && !got && name === "guidance") continue;
    if ((wanted === null) !== (got === undefined))
      throw new ArgumentError({
        who: "unet2dCondition",
        expected: `${wanted ? "" : "no "}${name}`,
        got: got ? "some" : "none",
      });
    if (wanted && got && !fits(got.shape, wanted))
      throw new ShapeError({
        who: `unet2dCondition, ${name}`,
        expected: showWanted(wanted),
        got: showShape(got.shape),
      });
  }
};

import { describe, expect, it } from "vitest";
import { Generator } from "../../src/base/index.ts";
import { unet2d, unet2dSchema } from "../../src/models/index.ts";
import { parameters } from "../../src/nn/index.ts";

const small = {
  block_out_channels: [8, 16],
  down_block_types: ["DownBlock2D", "AttnDownBlock2D"],
  up_block_types: ["AttnUpBlock2D", "UpBlock2D"],
  norm_num_groups: 4,
};
const skips = {
  ...small,
  down_block_types: ["SkipDownBlock2D", "SkipDownBlock2D"],
  up_block_types: ["SkipUpBlock2D", "SkipUpBlock2D"],
};

const faultsOf = (config: object): string =>
  (unet2dSchema.safeParse(config).error?.issues ?? [])
    .map(({ path, message }) => `${path.join(".")}: ${message}`)
    .join("; ");

describe("a configuration of a U-Net is refused", () => {
  it.each([
    [
      { down_block_types: ["CrossAttnDownBlock2D", "DownBlock2D"] },
      /^down_block_types\.0: expected DownBlock2D or .* or AttnSkipDownBlock2D, got "CrossAttnDownBlock2D"$/,
    ],
    [{ mid_block_type: "UNetMidBlock2DCrossAttn" }, /^mid_block_type: expected UNetMidBlock2D, got/],
    [{ downsample_type: "fir" }, /^downsample_type: expected conv or resnet, got "fir"$/],
    [{ act_fn: "tanh" }, /^act_fn: expected silu or swish or mish or gelu or relu, got "tanh"$/],
    [{ class_embed_type: "projection" }, /^class_embed_type: expected timestep or identity, got/],
    [{ resnet_time_scale_shift: "spatial" }, /expected default or scale_shift, got "spatial"$/],
    [{ heads: 3 }, /heads/],
  ])("where it says what is not known: %j", (change, pattern) => {
    expect(faultsOf({ ...small, ...change })).toMatch(pattern);
  });

  it.each([
    [{ norm_num_groups: 3 }, /^: expected channels divisible by norm_num_groups, not 8 by 3$/],
    [{ norm_num_groups: null }, /^: expected norm_num_groups for DownBlock2D, not null$/],
    [{ attn_norm_num_groups: 3 }, /divisible by attn_norm_num_groups, not 16 by 3/],
    [{ attention_head_dim: 17 }, /attention_head_dim of at most the channels that attend, not 17 of 16$/],
    [{ up_block_types: ["UpBlock2D"] }, /as many down_block_types and .* as block_out_channels \(2\)$/],
    [{ time_embedding_type: "learned" }, /num_train_timesteps for a learned time embedding, not null$/],
  ])("where its numbers do not fit: %j", (change, pattern) => {
    expect(faultsOf({ ...small, ...change })).toMatch(pattern);
  });

  it.each([
    [{ in_channels: 1 }, /^: expected 3 in_channels for SkipDownBlock2D, not 1$/],
    [{ out_channels: 1 }, /^: expected 3 out_channels for SkipUpBlock2D, not 1$/],
    [{ block_out_channels: [8, 18] }, /divisible by the groups of SkipDownBlock2D, not 18 by 4/],
    [{ block_out_channels: [3, 8] }, /divisible by the groups of SkipDownBlock2D, not 3 by 0/],
    [
      { down_block_types: ["SkipDownBlock2D", "AttnSkipDownBlock2D"] },
      /divisible by the groups of AttnSkipDownBlock2D's attention, not 16 by 32$/,
    ],
    [
      { up_block_types: ["SkipUpBlock2D", "UpBlock2D"] },
      /^: expected skip blocks alone after SkipUpBlock2D, not UpBlock2D$/,
    ],
    [
      {
        block_out_channels: [8, 8, 8],
        down_block_types: ["DownBlock2D", "SkipDownBlock2D", "DownBlock2D"],
        up_block_types: ["UpBlock2D", "UpBlock2D", "UpBlock2D"],
      },
      /^: expected skip blocks alone before SkipDownBlock2D, not DownBlock2D$/,
    ],
  ])("where skip blocks cannot carry the image: %j", (change, pattern) => {
    expect(faultsOf({ ...skips, ...change })).toMatch(pattern);
  });

  it("with one message for several equal widths", () => {
    const result = unet2dSchema.safeParse({ ...small, block_out_channels: [8, 8], norm_num_groups: 3 });
    expect(result.error?.issues).toHaveLength(1);
  });
});

describe("a configuration of a U-Net may", () => {
  it("have groups for a mid block's attention that it does not have", () => {
    expect(faultsOf({ ...small, attn_norm_num_groups: 3, add_attention: false })).toBe("");
  });

  it("leave the number of groups to skip blocks", () => {
    expect(faultsOf({ ...skips, norm_num_groups: null })).toBe("");
  });

  it("end with a plain block on the way down, and with a skip block on the way up", () => {
    const mixed = {
      down_block_types: ["SkipDownBlock2D", "DownBlock2D"],
      up_block_types: ["UpBlock2D", "SkipUpBlock2D"],
    };
    expect(faultsOf({ ...skips, ...mixed, out_channels: 1 })).toBe("");
  });

  it("carry diffusers' notes and nulls, and its block names of 2022", () => {
    const noted = {
      ...small,
      _class_name: "UNet2DModel",
      sample_size: null,
      downsample_type: null,
      down_block_types: ["UNetResDownBlock2D", "UNetResAttnDownBlock2D"],
    };
    const parsed = unet2dSchema.parse(noted);
    expect(parsed).not.toHaveProperty("_class_name");
    expect(parsed.down_block_types).toEqual(small.down_block_types);
  });

  it("have heads that do not divide the channels: as many as fit", () => {
    const net = unet2d(unet2dSchema.parse({ ...small, attention_head_dim: 5 }), new Generator(0));
    expect(parameters(net).get("mid_block.attentions.0.to_q.weight")?.shape).toEqual([15, 16]);
  });
});

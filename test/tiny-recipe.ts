/** A recipe of seconds on the packaged digits, dropout included; `training` changes how it trains. */
export const tinyRecipe = (training: object = {}) => ({
  name: "tiny",
  system: "ddpm",
  data: { kind: "digits", size: 16 },
  config: {
    schedule: { beta_schedule: "squaredcos_cap_v2", num_train_timesteps: 100 },
    conditioning: { kind: "class" },
    network: {
      block_out_channels: [8, 8],
      layers_per_block: 1,
      down_block_types: ["DownBlock2D", "AttnDownBlock2D"],
      up_block_types: ["AttnUpBlock2D", "UpBlock2D"],
      attention_head_dim: 8,
      norm_num_groups: 4,
      dropout: 0.1,
    },
  },
  training: { steps: 40, batch: 8, checkpointEvery: 10, heldOut: 0.001, previewEvery: 1000, ...training },
  sampling: { sampler: { kind: "ddim", steps: 3 }, guidance: 2 },
});

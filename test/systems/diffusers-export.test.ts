import { describe, expect, it } from "vitest";
import { diffusersExport, type RecipeInput } from "../../src/systems/index.ts";
import { recipeOf, tinyNetwork, untrained } from "./untrained.ts";

const schedule = { beta_schedule: "squaredcos_cap_v2", num_train_timesteps: 100 };
const exported = (input: RecipeInput, options: Parameters<typeof untrained>[1] = {}) => {
  const { pipeline, files } = diffusersExport(untrained(input, options));
  const { unet, scheduler } = pipeline.components;
  return {
    className: pipeline.className,
    unet,
    scheduler,
    notes: JSON.parse(files["undiffuse.json"] ?? ""),
    readme: files["README.md"] ?? "",
  };
};

describe("a denoising U-Net as a diffusers folder", () => {
  it("is DDIM with x0's own noise, which is an argument of its steps", () => {
    const { className, scheduler, notes } = exported(
      recipeOf(
        "ddpm",
        { schedule },
        { sampler: { kind: "ddim", steps: 20, eta: 0.5 }, guidance: 2, negative: 1 },
      ),
    );
    expect(className).toBe("DDIMPipeline");
    expect(scheduler).toMatchObject({
      className: "DDIMScheduler",
      config: { beta_schedule: "squaredcos_cap_v2", timestep_spacing: "trailing", clip_sample: true },
    });
    expect(notes).toMatchObject({
      system: "ddpm",
      step: 7,
      classes: ["zero", "one", "two"],
      set_timesteps: { num_inference_steps: 20 },
      step_arguments: { eta: 0.5, use_clipped_model_output: true },
      guidance: { scale: 2, negative: 1 },
      noise: 1,
    });
  });

  it("has the network's configuration and weights by diffusers' names", () => {
    const { unet } = exported(recipeOf("ddpm", { schedule }, { sampler: { kind: "ddim", steps: 20 } }));
    expect(unet).toMatchObject({
      className: "UNet2DModel",
      config: { sample_size: [16, 16], in_channels: 1, out_channels: 1, num_class_embeds: 4 },
    });
    const names = [...(unet?.tensors?.keys() ?? [])];
    expect(names).toContain("down_blocks.1.attentions.0.to_out.0.weight");
    expect(names).toContain("class_embedding.weight");
    expect(names.filter((name) => name.startsWith("unet."))).toEqual([]);
  });

  it("learns the variance of DDPM's steps", () => {
    const sampler = { kind: "ancestral", variance: "learned_range", spacing: "linspace", steps: 10 };
    const { scheduler, unet, notes } = exported(recipeOf("iddpm", { schedule }, { sampler }));
    expect(scheduler).toMatchObject({
      className: "DDPMScheduler",
      config: { variance_type: "learned_range", timestep_spacing: "linspace" },
    });
    expect(unet?.config).toMatchObject({ in_channels: 1, out_channels: 2 });
    expect(notes.learns_variance).toBe(true);
  });

  it("is EDM with its data's deviation, and x0 kept in [-1, 1] by a threshold", () => {
    const sampler = { kind: "dpm_multistep", sigmas: "karras", steps: 12 };
    const { scheduler, notes } = exported(
      recipeOf("edm", { sigmaData: 0.6 }, { sampler, interval: [0.2, 10] }),
    );
    expect(scheduler).toMatchObject({
      className: "EDMDPMSolverMultistepScheduler",
      config: { sigma_data: 0.6, sigma_min: 0.002, sigma_max: 80, thresholding: true, sample_max_value: 1 },
    });
    expect(notes.noise).toBeCloseTo(Math.hypot(80, 1), 5);
    expect(notes.guidance.interval).toEqual([0.2, 10]);
  });

  it("lists the times of a flow that diffusers would place elsewhere", () => {
    const sampler = { kind: "euler", steps: 4, clip: null };
    const listed = exported(recipeOf("rectified-flow", {}, { sampler })).notes.set_timesteps;
    expect(Object.keys(listed)).toEqual(["sigmas"]);
    expect(listed.sigmas).toHaveLength(4);
    const own = exported(recipeOf("rectified-flow", {}, { sampler: { ...sampler, spacing: "linspace" } }));
    expect(own.notes.set_timesteps).toEqual({ num_inference_steps: 4 });
    expect(own.scheduler?.className).toBe("FlowMatchEulerDiscreteScheduler");
  });

  it("tells in its README what to call, by classes or without", () => {
    const sampling = { sampler: { kind: "ancestral", steps: 10 } };
    const plain = exported(recipeOf("ddpm", { schedule, conditioning: { kind: "none" } }, sampling));
    expect(plain.notes.classes).toBeNull();
    expect(plain.readme).toContain("`DDPMPipeline.from_pretrained(folder)(num_inference_steps=10)`");
    expect(plain.readme).toContain("grey, of one channel, 16×16");
    const { readme } = exported(
      recipeOf("ddpm", { schedule }, { ...sampling, guidance: 3, interval: [0.1, 4] }),
    );
    expect(readme).toContain("0 zero, 1 one, 2 two; 3 for no class");
    expect(readme).toContain("torch.tensor([0, 3])");
    expect(readme).toContain("scale = 3 if 0.1 <= (1 / scheduler.alphas_cumprod[t] - 1) ** 0.5 <= 4 else 1");
  });

  it("exports the first stage of a cascade", () => {
    const config = {
      network: undefined,
      schedule,
      base: { size: 8, network: tinyNetwork },
      superResolution: [{ size: 16, network: tinyNetwork }],
    };
    const recipe = recipeOf("cascade", config, { sampler: { kind: "ddim", steps: 10 } });
    expect(exported(recipe, { name: "base" }).unet?.config).toMatchObject({ sample_size: [8, 8] });
    expect(() => exported(recipe)).toThrow(/UNet2DModel is not shown a smaller image/);
  });
});

it("exports a large variance whose last timestep is that of data", () => {
  const sampler = { kind: "ancestral", variance: "fixed_large", spacing: "leading", steps: 20 };
  expect(exported(recipeOf("ddpm", { schedule }, { sampler })).scheduler?.config).toMatchObject({
    variance_type: "fixed_large",
  });
});

describe("what diffusers has no counterpart of is refused by its name", () => {
  const points = { form: "points", image: [2, 1, 1] } as const;
  const mlp = { network: { kind: "mlp" } };

  it.each<[string, RecipeInput, RegExp, Parameters<typeof untrained>[1]?]>([
    ["score-sde", recipeOf("score-sde", { sde: { kind: "ve" } }), /score-sde.*x at variance 1/s],
    ["ncsn", recipeOf("ncsn"), /ncsn.*x at variance 1/s],
    ["a chain of points", recipeOf("ddpm", { schedule, ...mlp }), /network of kind mlp/, { data: points }],
    ["guidance by a classifier", recipeOf("adm", { schedule, classifier: {} }), /classifierScale=0/],
  ])("%s", (_, recipe, message, options) => {
    const classifier = { block_out_channels: [8], down_block_types: ["DownBlock2D"], norm_num_groups: 4 };
    const input = recipe.system === "adm" ? { ...recipe, config: { ...recipe.config, classifier } } : recipe;
    expect(() => exported(input as RecipeInput, options)).toThrow(message);
  });

  it.each<[string, object, object, RegExp]>([
    ["a sampler of ours", {}, { sampler: { kind: "rk45" } }, /sampler rk45.*no scheduler.*--sampler ddim/s],
    ["steps that do not divide the trained ones", {}, { sampler: { kind: "ddim", steps: 7 } }, /⌊100 \/ 7⌋/],
    [
      "a variance that leaves noise in the result",
      {},
      { sampler: { kind: "ancestral", variance: "fixed_large", steps: 20 } },
      /noise in the result, as its last timestep is 4 .*linspace/,
    ],
    [
      "steps that torch would round up",
      { schedule: { num_train_timesteps: 1000 } },
      { sampler: { kind: "dpm_multistep", steps: 61 } },
      /62 steps where 61/,
    ],
    ["listed timesteps", {}, { sampler: { kind: "ancestral", spacing: [90, 40, 3], steps: 3 } }, /ancestral/],
    [
      "a flow's coordinates in a chain",
      {},
      { sampler: { kind: "euler", clip: null } },
      /euler.*no scheduler/s,
    ],
    [
      "times told as noise",
      { network: { ...tinyNetwork, time_embedding_type: "fourier" } },
      { sampler: { kind: "ddim", steps: 20 } },
      /fourier/,
    ],
  ])("%s", (_, config, sampling, message) => {
    expect(() => exported(recipeOf("ddpm", { schedule, ...config }, sampling))).toThrow(message);
  });

  it("EDM's Heun, with what there is instead", () => {
    expect(() => exported(recipeOf("edm"))).toThrow(/heun.*--sampler dpm_multistep --sigmas karras/s);
  });

  it("contrast given back to what is not eps", () => {
    const sampler = { kind: "dpm_multistep", sigmas: "karras" };
    expect(() => exported(recipeOf("edm", {}, { sampler, rescale: 0.5 }))).toThrow(/rescale 0.5.*edm/s);
  });
});

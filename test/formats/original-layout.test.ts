import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { NDArray, type Shape, sizeOf } from "../../src/base/index.ts";
import {
  isOriginalLayout,
  type OriginalLayout,
  type OriginalPart,
  readOriginalLayout,
  renameTensors,
  takenShape,
} from "../../src/formats/index.ts";
import {
  clipTextModel,
  clipTextModelWithProjection,
  clipTextSchema,
  unet2dCondition,
  unet2dConditionSchema,
} from "../../src/models/index.ts";
import { blank, leaves } from "../../src/nn/index.ts";
import { readScheduler } from "../../src/samplers/index.ts";

const small = ["sd1", "sd1-inpainting", "sd2", "upscaler", "sdxl"] as const;
const full = ["sd15", "sd21"] as const;

interface Fixture {
  readonly original: Readonly<Record<string, string>>;
  readonly parts: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>;
  readonly config: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const read = (file: string) =>
  readFile(new URL(`../fixtures/original-layout/${file}`, import.meta.url), "utf8");
const readSmall = async (name: string): Promise<Fixture> => JSON.parse(await read(`${name}.json`));
const shapeOf = (text: string): Shape => (text ? text.split("x").map(Number) : []);

/** The whole numbers that tools/reference/original_layout.py gave to diffusers' conversion, of averages the same. */
const filled = (index: number, shape: Shape): NDArray => {
  const data = new Float32Array(sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = (index * 7919 + i * i * 31 + i) % 65521;
  return new NDArray(data, shape);
};
const checksum = ({ data }: NDArray): number =>
  (data as Float32Array).reduce((sum, value, i) => sum + value * ((i % 97) + 1), 0);

const tensorsOf = ({ original }: Fixture): Map<string, NDArray> =>
  new Map(Object.entries(original).map(([name, shape], index) => [name, filled(index, shapeOf(shape))]));
const partsOf = (layout: OriginalLayout): Record<string, OriginalPart> => {
  const { unet, vae, text_encoder, text_encoder_2 } = layout;
  return { unet, vae, text_encoder, ...(text_encoder_2 && { text_encoder_2 }) };
};

describe.each(small)("a small model in the form of %s", (name) => {
  it("has the names, shapes and values of diffusers' conversion", async () => {
    const fixture = await readSmall(name);
    const tensors = tensorsOf(fixture);
    const renamed = Object.entries(partsOf(readOriginalLayout(tensors))).map(([part, { rules }]) => [
      part,
      Object.fromEntries(
        [...renameTensors(tensors, rules)].map(([key, array]) => [key, [...array.shape, checksum(array)]]),
      ),
    ]);
    expect(Object.fromEntries(renamed)).toEqual(fixture.parts);
  });

  it("has the configurations it was made by", async () => {
    const fixture = await readSmall(name);
    const { unet, vae, text_encoder, text_encoder_2 } = readOriginalLayout(tensorsOf(fixture));
    // No tensor shows groups and, where they differ from the published models' ones, heads.
    const {
      attention_head_dim,
      norm_num_groups,
      transformer_layers_per_block: depths,
      ...rest
    } = fixture.config.unet as Record<string, unknown>;
    expect(unet.config).toMatchObject({
      ...rest,
      ...(rest.only_cross_attention !== undefined && { only_cross_attention: [false, true, false] }),
      transformer_layers_per_block: new Set(depths as number[]).size > 1 ? depths : 1,
    });
    const { norm_num_groups: _, ...autoencoder } = fixture.config.vae as Record<string, unknown>;
    expect(vae.config).toMatchObject(autoencoder);
    const widthsOf = ({ num_attention_heads, num_hidden_layers, ...config }: Record<string, unknown>) =>
      config;
    const { clip, open_clip } = fixture.config;
    expect(text_encoder.config).toMatchObject(widthsOf(clip ?? open_clip ?? {}));
    if (text_encoder_2) expect(text_encoder_2.config).toMatchObject(widthsOf(open_clip ?? {}));
  });
});

describe.each(small)("the networks by the configurations of %s", (name) => {
  it("have the tensors that the rules give, in name and shape", async () => {
    const fixture = await readSmall(name);
    const tensors = tensorsOf(fixture);
    const { unet, text_encoder, text_encoder_2 } = readOriginalLayout(tensors);
    // The published models' groups of 32 and heads are too many for networks as small as these.
    const { norm_num_groups, attention_head_dim } = fixture.config.unet as Record<string, unknown>;
    const config = { ...unet.config, norm_num_groups, attention_head_dim };
    const second = text_encoder_2 && clipTextSchema.parse(text_encoder_2.config);
    const networks: readonly (readonly [OriginalPart | undefined, object])[] = [
      [unet, unet2dCondition(unet2dConditionSchema.parse(config), blank)],
      [text_encoder, clipTextModel(clipTextSchema.parse(text_encoder.config), blank)],
      [text_encoder_2, second ? clipTextModelWithProjection(second, blank) : {}],
    ];
    for (const [part, network] of networks) {
      const given = part ? renameTensors(tensors, part.rules) : new Map<string, NDArray>();
      const shapesOf = (all: ReadonlyMap<string, { readonly shape: Shape }>) =>
        Object.fromEntries([...all].map(([key, { shape }]) => [key, [...shape]]));
      expect(shapesOf(given)).toEqual(shapesOf(leaves(network)));
    }
  });
});

describe.each(full)("the names and shapes of %s at full size", (name) => {
  const readFull = async () => {
    const [hashes = "", lines = ""] = (await read(`${name}.txt`)).trim().split("\n\n");
    const shapes = new Map(
      lines.split("\n").map((line) => {
        const [key = "", shape = ""] = line.split(" ");
        return [key, { shape: shapeOf(shape) }] as const;
      }),
    );
    return { hashes: hashes.split("\n"), shapes };
  };

  it("become those of diffusers' conversion", async () => {
    const { hashes, shapes } = await readFull();
    const found = Object.entries(partsOf(readOriginalLayout(shapes))).map(([part, { rules }]) => {
      const lines = [...rules].map(([key, rule]) => {
        const shape = takenShape(rule, shapes.get(rule.source)?.shape ?? []);
        return `${key} ${shape.join("x")}`;
      });
      const hash = createHash("sha256").update(lines.sort().join("\n")).digest("hex");
      return `${part} ${lines.length} ${hash}`;
    });
    expect(found).toEqual(hashes);
  });

  it("give the configurations of the published folders", async () => {
    const { shapes } = await readFull();
    const { version, task, unet, vae, text_encoder } = readOriginalLayout(shapes);
    const first = name === "sd15";
    expect([version, task]).toEqual([first ? "1.x" : "2.x", "text-to-image"]);
    expect(unet.config).toEqual({
      _class_name: "UNet2DConditionModel",
      sample_size: first ? 64 : 96,
      in_channels: 4,
      out_channels: 4,
      block_out_channels: [320, 640, 1280, 1280],
      layers_per_block: 2,
      down_block_types: [...Array(3).fill("CrossAttnDownBlock2D"), "DownBlock2D"],
      up_block_types: ["UpBlock2D", ...Array(3).fill("CrossAttnUpBlock2D")],
      cross_attention_dim: first ? 768 : 1024,
      attention_head_dim: first ? 8 : [5, 10, 20, 20],
      transformer_layers_per_block: 1,
      use_linear_projection: !first,
    });
    expect(vae.config).toMatchObject({
      sample_size: first ? 512 : 768,
      scaling_factor: 0.18215,
      latent_channels: 4,
      block_out_channels: [128, 256, 512, 512],
      layers_per_block: 2,
    });
    expect(text_encoder.config).toMatchObject({
      hidden_size: first ? 768 : 1024,
      num_hidden_layers: first ? 12 : 23,
      num_attention_heads: first ? 12 : 16,
      intermediate_size: first ? 3072 : 4096,
      hidden_act: first ? "quick_gelu" : "gelu",
      vocab_size: 49408,
      max_position_embeddings: 77,
    });
  });
});

describe("a file written back from diffusers", () => {
  it("has no last layer of OpenCLIP that is not in use, and keeps its 23", async () => {
    const [, lines = ""] = (await read("sd21.txt")).trim().split("\n\n");
    const shapes = new Map(
      lines
        .split("\n")
        .filter((line) => !line.includes("resblocks.23.") && !line.includes("text_projection"))
        .map((line) => {
          const [key = "", shape = ""] = line.split(" ");
          return [key, { shape: shapeOf(shape) }] as const;
        }),
    );
    expect(readOriginalLayout(shapes).text_encoder.config.num_hidden_layers).toBe(23);
  });

  it("may have the autoencoder's projections as matrices, and the text encoder without text_model", async () => {
    const fixture = await readSmall("sd1");
    const tensors = tensorsOf(fixture);
    const changed = new Map(
      [...tensors].map(([name, array]) => [
        name.replace("transformer.text_model.", "transformer."),
        /attn_1\.\w+\.weight$/.test(name) && array.shape.length === 4
          ? array.reshape(array.shape.slice(0, 2))
          : array,
      ]),
    );
    for (const part of ["vae", "text_encoder"] as const) {
      const [from, to] = [tensors, changed].map((each) =>
        renameTensors(each, readOriginalLayout(each)[part].rules),
      );
      expect(to).toEqual(from);
    }
  });
});

describe("averaged weights", () => {
  it("take the U-Net's place when asked for", async () => {
    const fixture = await readSmall("sd1");
    const tensors = tensorsOf(fixture);
    const [last, averaged] = [false, true].map((ema) => readOriginalLayout(tensors, { ema }));
    expect(last?.hasEma).toBe(true);
    expect(averaged?.unet.rules.get("conv_in.weight")?.source).toBe(
      "model_ema.diffusion_modelinput_blocks00weight",
    );
    expect([...(averaged?.unet.rules.keys() ?? [])]).toEqual([...(last?.unet.rules.keys() ?? [])]);
    expect(averaged?.vae).toEqual(last?.vae);
  });

  it("are refused where there are none, or not all", async () => {
    const without = tensorsOf(await readSmall("sd2"));
    expect(readOriginalLayout(without).hasEma).toBe(false);
    expect(() => readOriginalLayout(without, { ema: true, name: "a.safetensors" })).toThrow(
      "a.safetensors: expected averaged weights (model_ema.*), got none",
    );
    const torn = tensorsOf(await readSmall("sd1"));
    torn.delete("model_ema.diffusion_modelout0bias");
    torn.delete("model_ema.diffusion_modelout2bias");
    expect(() => readOriginalLayout(torn, { ema: true })).toThrow(/out0bias; no model_ema\S+out2bias$/);
    expect(readOriginalLayout(torn).hasEma).toBe(true);
  });
});

describe("what a U-Net predicts", () => {
  const predictionOf = async (
    name: string,
    options?: Parameters<typeof readOriginalLayout>[1],
    extra: readonly string[] = [],
  ) => {
    const tensors = tensorsOf(await readSmall(name));
    for (const each of extra) tensors.set(each, NDArray.zeros([0]));
    const { prediction, scheduler, unet } = readOriginalLayout(tensors, options);
    return { ...prediction, scheduler: scheduler.prediction_type, side: unet.config.sample_size };
  };

  it("cannot be seen in a file of 2.x, so that the likelier is taken and the other named", async () => {
    const assumed = await predictionOf("sd2");
    expect(assumed).toMatchObject({
      type: "v_prediction",
      known: false,
      scheduler: "v_prediction",
      side: 96,
    });
    expect(assumed.hint).toMatch(/choose epsilon$/);
    expect(await predictionOf("sd2", { prediction: "epsilon" })).toEqual({
      type: "epsilon",
      known: true,
      scheduler: "epsilon",
      side: 64,
    });
  });

  it("is noise in 1.x and XL, unless a mark or the metadata say otherwise", async () => {
    expect(await predictionOf("sd1")).toMatchObject({ type: "epsilon", known: false });
    expect(await predictionOf("sdxl", {}, ["v_pred"])).toMatchObject({ type: "v_prediction", known: true });
    const metadata = { "modelspec.prediction_type": "v" };
    expect(await predictionOf("sd1", { metadata })).toMatchObject({ type: "v_prediction", known: true });
    expect(await predictionOf("sd1", { metadata, prediction: "epsilon" })).toMatchObject({ type: "epsilon" });
  });

  it.each(small)("goes with a scheduler that can be read: %s", async (name) => {
    const layout = readOriginalLayout(tensorsOf(await readSmall(name)));
    const { prediction } = readScheduler(layout.scheduler);
    expect(prediction).toBe(layout.prediction.type);
    expect(layout.low_res_scheduler !== undefined).toBe(name === "upscaler");
    if (layout.low_res_scheduler) readScheduler(layout.low_res_scheduler);
  });

  it("may go with a schedule up to noise alone", async () => {
    const tensors = tensorsOf(await readSmall("sdxl"));
    for (const mark of ["v_pred", "ztsnr"]) tensors.set(mark, NDArray.zeros([0]));
    expect(readOriginalLayout(tensors).scheduler.rescale_betas_zero_snr).toBe(true);
    readScheduler(readOriginalLayout(tensors).scheduler);
  });
});

describe("a file that is not whole", () => {
  const changed = async (name: string, change: (tensors: Map<string, { shape: Shape }>) => void) => {
    const tensors = new Map<string, { shape: Shape }>(tensorsOf(await readSmall(name)));
    change(tensors);
    return () => readOriginalLayout(tensors, { name: "model.safetensors" });
  };

  it("is refused with everything that is missing and unknown", async () => {
    const reading = await changed("sd2", (tensors) => {
      tensors.delete("model.diffusion_model.output_blocks.5.0.emb_layers.1.bias");
      tensors.delete("first_stage_model.encoder.conv_in.weight");
      tensors.delete("cond_stage_model.model.ln_final.bias");
      tensors.set("model.diffusion_model.control.weight", { shape: [1] });
      tensors.set("lora_unet.alpha", { shape: [] });
    });
    expect(reading).toThrow(
      "model.safetensors: expected the tensors of Stable Diffusion 2.x (text-to-image) in the original layout, " +
        "got no first_stage_model.encoder.conv_in.weight; " +
        "no model.diffusion_model.output_blocks.5.0.emb_layers.1.bias; " +
        "no cond_stage_model.model.ln_final.bias; " +
        "unknown model.diffusion_model.control.weight; unknown lora_unet.alpha",
    );
  });

  it("is refused for tensors that cannot be taken apart, or have no such axis", async () => {
    const reading = await changed("sd2", (tensors) => {
      tensors.set("cond_stage_model.model.transformer.resblocks.0.attn.in_proj_bias", { shape: [17] });
      tensors.set("first_stage_model.decoder.mid.attn_1.q.weight", { shape: [6, 6, 3, 3] });
      tensors.set("model.diffusion_model.out.2.weight", { shape: [] });
    });
    expect(reading).toThrow(
      "got model.diffusion_model.out.2.weight is []; first_stage_model.decoder.mid.attn_1.q.weight is [6, 6, 3, 3]; " +
        "cond_stage_model.model.transformer.resblocks.0.attn.in_proj_bias is [17]",
    );
  });

  it.each([
    ["first_stage_model.", "got no first_stage_model.*"],
    ["cond_stage_model.", "got no cond_stage_model.model.*"],
  ])("is refused in a word where all of %s is missing", async (prefix, message) => {
    const reading = await changed("sd2", (tensors) => {
      for (const name of [...tensors.keys()]) if (name.startsWith(prefix)) tensors.delete(name);
    });
    expect(reading).toThrow(new RegExp(`${message.replaceAll(/[.*]/g, "\\$&")}$`));
  });

  it("is refused where the text is not as wide as what the U-Net attends to", async () => {
    const reading = await changed("sd1", (tensors) => {
      for (const [name, { shape }] of tensors)
        if (name.endsWith("attn2.to_k.weight")) tensors.set(name, { shape: [shape[0] as number, 9] });
    });
    expect(reading).toThrow("got a U-Net that attends to 9 channels beside text of 6");
  });

  it("does not count blocks that a strange number claims", async () => {
    const reading = await changed("sd1", (tensors) => {
      tensors.set("model.diffusion_model.input_blocks.4000000000.0.op.weight", { shape: [1] });
    });
    expect(reading).toThrow("got unknown model.diffusion_model.input_blocks.4000000000.0.op.weight");
  });
});

describe("other models", () => {
  const named = (...names: string[]) => new Map(names.map((name) => [name, { shape: [8, 4, 3, 3] }]));
  const conv = "model.diffusion_model.input_blocks.0.0.weight";

  it.each([
    ["model.diffusion_model.joint_blocks.0.x.weight", "Stable Diffusion 3"],
    ["model.diffusion_model.double_blocks.0.x.weight", "FLUX"],
    ["conditioner.embedders.0.model.token_embedding.weight", "the refiner of Stable Diffusion XL"],
    ["noise_augmentor.betas", "unCLIP"],
    ["down_blocks.0.resnets.0.conv1.weight", "tensors like down_blocks.0.resnets.0.conv1.weight"],
  ])("are refused by their name: %s", (name, model) => {
    expect(() => readOriginalLayout(named(name))).toThrow(
      `original layout: expected Stable Diffusion 1.x, 2.x or XL base in the original layout, got ${model}`,
    );
  });

  it("are refused by the channels of their images", () => {
    const withChannels = (channels: number) => new Map([[conv, { shape: [8, channels, 3, 3] }]]);
    expect(() => readOriginalLayout(withChannels(8))).toThrow("got 8 (InstructPix2Pix)");
    expect(() => readOriginalLayout(withChannels(6))).toThrow(/got 6$/);
  });

  it("are told by a glance at the names", () => {
    expect(isOriginalLayout(named(conv))).toBe(true);
    expect(isOriginalLayout(named("conv_in.weight"))).toBe(false);
  });
});

describe("renaming tensors", () => {
  it("refuses rules whose sources are not there, all of them", () => {
    const rules = new Map([
      ["a", { source: "x" }],
      ["b", { source: "y" }],
      ["c", { source: "z" }],
    ]);
    expect(() => renameTensors(new Map([["y", NDArray.zeros([1])]]), rules)).toThrow(/got no x, z$/);
  });
});

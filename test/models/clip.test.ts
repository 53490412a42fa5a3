import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { type NDArray, sizeOf } from "../../src/base/index.ts";
import { readSafetensors } from "../../src/formats/index.ts";
import {
  clipTensorName,
  clipTextModel,
  clipTextModelWithProjection,
  clipTextSchema,
  clipVisionModelWithProjection,
  clipVisionSchema,
  type PriorInputs,
  priorTransformer,
  priorTransformerSchema,
} from "../../src/models/index.ts";
import { blank, loadState, parameters, stateOf } from "../../src/nn/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { input, type Named, type Tensor, trace } from "../../src/tensor/index.ts";

/** Of the largest value: what the project promises against the reference implementation in float32. */
const OUTPUT_TOLERANCE = 1e-4;

const url = (name: string) => new URL(`../fixtures/clip/${name}`, import.meta.url);
const readJson = async (name: string) => JSON.parse(await readFile(url(`${name}.json`), "utf8"));
const read = async (name: string) => {
  const { config } = await readJson(name);
  const { tensors } = readSafetensors(await readFile(url(`${name}.safetensors`)), name);
  const starting = (prefix: string) =>
    new Map(
      [...tensors].flatMap(([key, value]) =>
        key.startsWith(prefix) ? [[key.slice(prefix.length), value] as const] : [],
      ),
    );
  return { config, tensors, weights: starting("weight."), inputs: Object.fromEntries(starting("input.")) };
};

const largest = ({ data }: NDArray): number =>
  (data as Float32Array).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
const expectClose = (got: NDArray | undefined, wanted: NDArray | undefined, name: string): void => {
  expect(got?.shape, name).toEqual(wanted?.shape);
  const [a, b] = [got as NDArray, wanted as NDArray];
  expect(largest(a.sub(b)), name).toBeLessThan(OUTPUT_TOLERANCE * largest(b));
};

const run = async (
  module: object,
  feeds: Named<NDArray>,
  forward: (inputs: Named<Tensor>) => Named<Tensor>,
): Promise<Named<NDArray>> => {
  const compiled = await compile(trace(feeds, forward, parameters(module)), {
    worker: false,
    weights: stateOf(module),
  });
  const results = await compiled(feeds);
  await compiled.close();
  return results;
};

const models = {
  CLIPTextModel: {
    build: (config: unknown) => clipTextModel(clipTextSchema.parse(config), blank),
    part: "text_model",
  },
  CLIPTextModelWithProjection: {
    build: (config: unknown) => clipTextModelWithProjection(clipTextSchema.parse(config), blank),
    part: "text_model",
  },
  CLIPVisionModelWithProjection: {
    build: (config: unknown) => clipVisionModelWithProjection(clipVisionSchema.parse(config), blank),
    part: "vision_model",
  },
  PriorTransformer: {
    build: (config: unknown) => priorTransformer(priorTransformerSchema.parse(config), blank),
    part: undefined,
  },
} as const;

const named = (part: "text_model" | "vision_model", weights: ReadonlyMap<string, NDArray>) =>
  new Map(
    [...weights].flatMap(([name, value]) => {
      const ours = clipTensorName(part, name);
      return ours === undefined ? [] : [[ours, value] as const];
    }),
  );

/** What a model of CLIP gives for a fixture's input, by the names of the fixture's tensors. */
const outputsOf = async (
  name: string,
  kind: Exclude<keyof typeof models, "PriorTransformer">,
  changed: (name: string) => string = (each) => each,
) => {
  const { config, tensors, weights } = await read(name);
  const { build, part } = models[kind];
  const model = build(config);
  const spelled = new Map([...weights].map(([key, value]) => [changed(key), value]));
  loadState(model, named(part, spelled));
  const results = await run(model, { x: tensors.get("input") as NDArray }, ({ x }) => {
    const { hiddenStates, ...states } = model.forward(x as Tensor);
    const rows = hiddenStates.map((state, i) => [`hiddenStates.${i}`, state] as const);
    return { ...states, ...Object.fromEntries(rows) };
  });
  return { results, tensors };
};

describe("models of CLIP give what transformers gives with the same weights:", () => {
  it.each([
    ["text", "CLIPTextModel"],
    ["text-projection", "CLIPTextModelWithProjection"],
    ["vision", "CLIPVisionModelWithProjection"],
  ] as const)("%s", async (name, kind) => {
    const { results, tensors } = await outputsOf(name, kind);
    const wanted = [...tensors].filter(([key]) => key !== "input" && !key.startsWith("weight."));
    expect(Object.keys(results).sort()).toEqual(wanted.map(([key]) => key).sort());
    for (const [key, value] of wanted) expectClose(results[key], value, key);
  });

  it("the text model under the names that transformers wrote before version 5", async () => {
    const { results, tensors } = await outputsOf("text", "CLIPTextModel", (key) => `text_model.${key}`);
    expectClose(results.pooled, tensors.get("pooled"), "pooled");
  });
});

describe("a prior transformer gives what diffusers' gives with the same weights:", () => {
  it.each(["prior", "prior-unmasked", "prior-tokens"])("%s", async (name) => {
    const { config, tensors, weights, inputs } = await read(name);
    const prior = models.PriorTransformer.build(config);
    loadState(prior, weights);
    const { output } = await run(prior, inputs, ({ hidden, timestep, ...told }) => ({
      output: prior.forward(hidden as Tensor, timestep as Tensor, told as unknown as PriorInputs),
    }));
    expectClose(output, tensors.get("output"), "output");
    expectClose(prior.unscale(output as NDArray), tensors.get("unscaled"), "unscaled");
  });
});

describe("at full size the names and shapes are those of", () => {
  it.each([
    "clip-vit-large-patch14, text",
    "stable-diffusion-2-1, text",
    "stable-diffusion-xl-base-1.0, text 2",
    "clip-vit-large-patch14, image",
    "karlo-v1-alpha, prior",
    "kandinsky-2-2-prior",
  ])("%s", async (name) => {
    const row = (await readJson("full")).models[name];
    const kind = row.class as keyof typeof models;
    const found = parameters(models[kind].build(row.config));
    expect(found.size).toBe(row.tensors);
    expect([...found.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0)).toBe(row.parameters);
    // transformers 5 leaves the prefix out where there is no projection
    const theirs = (key: string) => (kind === "CLIPTextModel" ? key.replace(/^text_model\./, "") : key);
    const lines = [...found].map(([key, { shape }]) => `${theirs(key)} ${shape.join(",")}`).sort();
    expect(createHash("sha256").update(lines.join("\n")).digest("hex")).toBe(row.digest);
  });

  it("123,060,480 parameters for the text encoder of Stable Diffusion 1", async () => {
    expect((await readJson("full")).models["clip-vit-large-patch14, text"].parameters).toBe(123_060_480);
  });
});

describe("names of tensors in checkpoints of CLIP", () => {
  it("have the model's own in front here, whether they come with it or without", () => {
    const wanted = "text_model.embeddings.token_embedding.weight";
    expect(clipTensorName("text_model", wanted)).toBe(wanted);
    expect(clipTensorName("text_model", "embeddings.token_embedding.weight")).toBe(wanted);
    expect(clipTensorName("vision_model", "pre_layrnorm.bias")).toBe("vision_model.pre_layrnorm.bias");
  });
  it("are left as they are where they are no part of it", () => {
    expect(clipTensorName("text_model", "text_projection.weight")).toBe("text_projection.weight");
    expect(clipTensorName("text_model", "logit_scale")).toBe("logit_scale");
  });
  it("leave out the counted positions of old versions", () => {
    expect(clipTensorName("text_model", "text_model.embeddings.position_ids")).toBeUndefined();
    expect(clipTensorName("vision_model", "embeddings.position_ids")).toBeUndefined();
  });
});

const small = { vocab_size: 9, hidden_size: 8, intermediate_size: 8, num_attention_heads: 2 };
const complaint = (schema: typeof clipTextSchema | typeof clipVisionSchema, changes: object): string =>
  schema
    .safeParse({ hidden_size: 8, num_attention_heads: 2, ...changes })
    .error?.issues.map(({ message, path }) => `${path.join(".")} ${message}`)
    .join("; ") ?? "none";

describe("configurations of CLIP", () => {
  it.each([
    ["text", { hidden_act: "relu" }, "hidden_act expected quick_gelu or gelu"],
    ["text", { num_attention_heads: 3 }, "hidden_size divisible by num_attention_heads, not 8 by 3"],
    ["text", { eos_token_id: [1, 2] }, "eos_token_id expected one token's number"],
    ["text", { model_type: "t5" }, "model_type expected clip_text_model"],
    ["text", { use_attention_mask: true }, "use_attention_mask expected false"],
    ["text", { quantization_config: {} }, "quantization_config"],
    ["vision", { image_size: 8, patch_size: 16 }, "at least the patch_size, not 8 and 16"],
    ["vision", { image_size: [224, 224] }, "image_size"],
    ["vision", { model_type: "clip_text_model" }, "model_type expected clip_vision_model"],
  ] as const)("of a %s model with %j are refused by name", (kind, changes, words) => {
    expect(complaint(kind === "text" ? clipTextSchema : clipVisionSchema, changes)).toContain(words);
  });

  it("are taken with what transformers 4 wrote beside", () => {
    const beside = {
      _name_or_path: "openai/clip-vit-large-patch14",
      architectures: ["CLIPTextModel"],
      attention_dropout: 0,
      bos_token_id: 0,
      dropout: 0,
      eos_token_id: 2,
      initializer_factor: 1,
      initializer_range: 0.02,
      model_type: "clip_text_model",
      pad_token_id: 1,
      torch_dtype: "float32",
      transformers_version: "4.22.0.dev0",
    };
    expect(complaint(clipTextSchema, beside)).toBe("none");
  });
});

describe("a text model", () => {
  const model = clipTextModel(clipTextSchema.parse({ ...small, max_position_embeddings: 5 }), blank);
  it("refuses more tokens than it has places, and what are no numbers of tokens", () => {
    expect(() => model.forward(input([1, 6], "int32"))).toThrow("int32[n, 1 to 5], got int32[1, 6]");
    expect(() => model.forward(input([1, 5]))).toThrow("got float32[1, 5]");
    expect(() => model.forward(input([5], "int32"))).toThrow("got int32[5]");
  });
});

describe("a vision model", () => {
  const config = { hidden_size: 8, num_attention_heads: 2, image_size: 8, patch_size: 4 };
  const model = clipVisionModelWithProjection(clipVisionSchema.parse(config), blank);
  it("refuses pixels of another size or not yet normalised", () => {
    expect(() => model.forward(input([1, 3, 8, 12]))).toThrow(
      "float32[n, 3, 8, 8], got float32[1, 3, 8, 12]",
    );
    expect(() => model.forward(input([1, 3, 8, 8], "uint8"))).toThrow("got uint8[1, 3, 8, 8]");
  });
});

describe("a prior transformer", () => {
  const sizes = {
    num_attention_heads: 2,
    attention_head_dim: 4,
    num_layers: 1,
    embedding_dim: 6,
    num_embeddings: 3,
  };
  const build = (changes: object = {}) => models.PriorTransformer.build({ ...sizes, ...changes });
  const inputs = { projEmbedding: input([2, 6]), encoderHiddenStates: input([2, 3, 6]) };
  const [hidden, timestep] = [input([2, 6]), input([2])];

  it("refuses inputs of other shapes by their names", () => {
    expect(() => build().forward(input([2, 7]), timestep, inputs)).toThrow(
      "noisy embeddings: expected [2, 6], got [2, 7]",
    );
    expect(() => build().forward(hidden, timestep, { ...inputs, projEmbedding: input([1, 6]) })).toThrow(
      "projEmbedding: expected [2, 6]",
    );
    expect(() => build().forward(hidden, timestep, { projEmbedding: inputs.projEmbedding })).toThrow(
      "encoderHiddenStates: expected [2, 3, 6], got none",
    );
    expect(() => build().forward(hidden, timestep, { ...inputs, attentionMask: input([2, 4]) })).toThrow(
      "attentionMask: expected [2, 3]",
    );
  });

  it("refuses a configuration with places for another number of tokens", () => {
    expect(() => build({ additional_embeddings: 3 }).forward(hidden, timestep, inputs)).toThrow(
      "expected 6 tokens, as many as num_embeddings and additional_embeddings, got 7",
    );
  });

  it("refuses by name what diffusers does not have", () => {
    expect(() => build({ norm_in_type: "group" })).toThrow("layer");
    expect(() => build({ wheels: 4 })).toThrow("wheels");
  });
});

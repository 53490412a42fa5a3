import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { readSafetensors } from "../../src/formats/index.ts";
import { applyLoras, loraParts, type WeightedLora } from "../../src/pipelines/lora.ts";

/** Sums of up to eight products of size 1 in float32, in another order than torch's. */
const ROUNDING = 1e-6;

const fixture = (file: string) => new URL(`../fixtures/lora/${file}`, import.meta.url);
const read = async (name: string) => readSafetensors(await readFile(fixture(`${name}.safetensors`)), name);
const starting = (tensors: ReadonlyMap<string, NDArray>, prefix: string): Map<string, NDArray> =>
  new Map(
    [...tensors].flatMap(([name, array]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), array] as const] : [],
    ),
  );
const lora = async (name: string, scale = 1): Promise<WeightedLora> => ({
  ...(await read(name)),
  name,
  scale,
});
const renamed = (tensors: ReadonlyMap<string, NDArray>, rename: (name: string) => string) =>
  new Map([...tensors].map(([name, array]) => [rename(name), array]));

const expectClose = (got: ReadonlyMap<string, NDArray>, wanted: ReadonlyMap<string, NDArray>) => {
  expect([...got.keys()].sort()).toEqual([...wanted.keys()].sort());
  for (const [name, array] of got) {
    const other = wanted.get(name) as NDArray;
    expect(array.shape).toEqual(other.shape);
    const off = array.sub(other).abs();
    expect(Math.max(...off.data), name).toBeLessThanOrEqual(ROUNDING);
  }
};

const { combinations } = JSON.parse(await readFile(fixture("lora.json"), "utf8")) as {
  combinations: Record<string, [string, number][]>;
};

describe.each(Object.entries(combinations))("%s", (combination, loras) => {
  const xl = combination.startsWith("xl") ? "xl-" : "";

  it("changes the weights that diffusers changes, as it does", async () => {
    const weighted = await Promise.all(loras.map(([name, scale]) => lora(name, scale)));
    const [base, fused] = await Promise.all([read(`${xl}base`), read(`${xl}fused`)]);
    for (const part of ["unet", "text_encoder"] as const) {
      const wanted = starting(fused.tensors, `${combination}/${part}.`);
      expectClose(await applyLoras(starting(base.tensors, `${part}.`), weighted, part), wanted);
      if (part === "unet") expect(wanted.size).toBeGreaterThan(10);
    }
  });
});

describe("the text encoder's names", () => {
  it("may have text_model before them or not, in the weights as in the LoRA", async () => {
    const [base, fused] = await Promise.all([read("base"), read("fused")]);
    const named = (name: string) => `text_model.${name}`;
    const weights = renamed(starting(base.tensors, "text_encoder."), named);
    for (const combination of ["peft", "diffusers"])
      expectClose(
        await applyLoras(weights, [await lora(combination)], "text_encoder"),
        renamed(starting(fused.tensors, `${combination}/text_encoder.`), named),
      );
  });

  it("may be those of diffusers' first form, which called its projections as the U-Net's", async () => {
    const old = renamed((await read("diffusers")).tensors, (name) =>
      name.replace(/\.(q|k|v|out)_proj\.lora_linear_layer\./, ".to_$1_lora."),
    );
    const [base, fused] = await Promise.all([read("base"), read("fused")]);
    const weights = starting(base.tensors, "text_encoder.");
    const got = await applyLoras(weights, [{ tensors: old, scale: 1 }], "text_encoder");
    expectClose(got, starting(fused.tensors, "diffusers/text_encoder."));
  });
});

describe("a LoRA", () => {
  it("says which networks it changes", async () => {
    expect(loraParts(await lora("kohya"))).toEqual(["text_encoder", "unet"]);
    expect(loraParts(await lora("processor"))).toEqual(["unet"]);
  });

  it("may leave out the network, or stand in peft's own model", async () => {
    const { tensors } = await read("processor");
    const weights = starting((await read("base")).tensors, "unet.");
    const whole = await applyLoras(weights, [{ tensors, scale: 1 }], "unet");
    for (const rename of [
      (name: string) => name.replace("unet.", ""),
      (name: string) => name.replace("unet.", "base_model.model."),
    ])
      expect(await applyLoras(weights, [{ tensors: renamed(tensors, rename), scale: 1 }], "unet")).toEqual(
        whole,
      );
  });
});

/** A U-Net of one linear layer and one convolution, and a LoRA for them. */
const generator = new Generator(5);
const attention = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k";
const convolution = "down_blocks.0.resnets.0.conv1";
const weights = new Map([
  [`${attention}.weight`, generator.normal([3, 5])],
  [`${convolution}.weight`, generator.normal([3, 2, 3, 3])],
  [`${convolution}.bias`, generator.normal([3])],
]);
const pair = (module: string, r: number, { o = 3, rest = [5] }: { o?: number; rest?: number[] } = {}) => [
  [`unet.${module}.lora_A.weight`, generator.normal([r, ...rest])] as const,
  [`unet.${module}.lora_B.weight`, generator.normal([o, r, ...rest.slice(1).map(() => 1)])] as const,
];
const product = (pairs: readonly (readonly [string, NDArray])[], scale: number, weight: NDArray): NDArray => {
  const [down, up] = pairs.map(([, array]) => array) as [NDArray, NDArray];
  const [o, r] = up.shape as [number, number];
  const n = weight.size / o;
  return weight.add(
    NDArray.of(
      Array.from({ length: o * n }, (_, at) => {
        const [i, j] = [Math.floor(at / n), at % n];
        let sum = 0;
        for (let k = 0; k < r; k++) sum += (up.data[i * r + k] as number) * (down.data[k * n + j] as number);
        return scale * sum;
      }),
      weight.shape,
    ),
  );
};
const weightOf = (module: string) => weights.get(`${module}.weight`) as NDArray;

describe("the factor of a layer", () => {
  it("is alpha by rank, each layer's own", async () => {
    const [a, b] = [pair(attention, 4), pair(convolution, 2, { rest: [2, 3, 3] })];
    const tensors = new Map([
      ...a,
      ...b,
      [`unet.${attention}.alpha`, NDArray.of([6], [])],
      [`unet.${convolution}.alpha`, NDArray.of([1])],
    ]);
    const got = await applyLoras(weights, [{ tensors, scale: -2 }], "unet");
    const wanted = new Map([
      [`${attention}.weight`, product(a, -3, weightOf(attention))],
      [`${convolution}.weight`, product(b, -1, weightOf(convolution))],
    ]);
    for (const [name, array] of wanted) {
      const off = (got.get(name) as NDArray).sub(array).abs();
      // Values up to ten here.
      expect(Math.max(...off.data)).toBeLessThan(10 * ROUNDING);
    }
    expect(got.size).toBe(2);
  });

  it("is peft's alpha by the root of the rank where the metadata say so", async () => {
    const layer = pair(attention, 4);
    const metadata = {
      lora_adapter_metadata: JSON.stringify({
        "unet.lora_alpha": 7,
        "unet.use_rslora": true,
        "unet.alpha_pattern": { "attn2.to_k": 3, o_k: 100 },
        "unet.target_modules": ["to_k"],
        "text_encoder.lora_alpha": 50,
      }),
    };
    const got = await applyLoras(weights, [{ tensors: new Map(layer), scale: 1, metadata }], "unet");
    const off = (got.get(`${attention}.weight`) as NDArray).sub(product(layer, 1.5, weightOf(attention)));
    expect(Math.max(...off.abs().data)).toBeLessThan(10 * ROUNDING);
  });

  it("leaves the weights as they are at 0, and adds up for the same LoRA twice", async () => {
    const tensors = new Map(pair(attention, 1));
    const name = `${attention}.weight`;
    const at = async (...scales: number[]) =>
      (
        await applyLoras(
          weights,
          scales.map((scale) => ({ tensors, scale })),
          "unet",
        )
      ).get(name) as NDArray;
    expect(await at(0)).toEqual(weightOf(attention));
    const off = (await at(0.25, 0.5)).sub(await at(0.75)).abs();
    expect(Math.max(...off.data)).toBeLessThan(10 * ROUNDING);
  });

  it("is not read from metadata of another form", async () => {
    const tensors = new Map(pair(attention, 1));
    const applying = (lora_adapter_metadata: string) =>
      applyLoras(weights, [{ tensors, scale: 1, name: "a", metadata: { lora_adapter_metadata } }], "unet");
    await expect(applying("{")).rejects.toThrow("a: expected JSON as lora_adapter_metadata");
    await expect(applying('{"unet.lora_alpha": "x"}')).rejects.toThrow(/peft's configuration.*lora_alpha/);
    await expect(applying('{"unet.use_dora": true}')).rejects.toThrow("use_dora: DoRA is not supported");
  });
});

describe("no weights change", () => {
  it("in a network that a LoRA does not speak of", async () => {
    const tensors = new Map(pair(attention, 1));
    const text = new Map([["text_model.final_layer_norm.weight", NDArray.zeros([3])]]);
    expect(await applyLoras(text, [{ tensors, scale: 1 }], "text_encoder")).toEqual(new Map());
    expect(await applyLoras(weights, [], "unet")).toEqual(new Map());
  });
});

describe("refused is", () => {
  const applying = (tensors: Iterable<readonly [string, NDArray]>, rest: Partial<WeightedLora> = {}) =>
    applyLoras(weights, [{ tensors: new Map(tensors), scale: 1, name: "style", ...rest }], "unet");

  it("a LoRA for another base, with all that does not fit, and the base it seems to be for", async () => {
    const tensors = [
      ...pair(attention, 2, { rest: [1024] }),
      ...pair("down_blocks.0.attentions.7.proj_in", 2),
      ...pair(convolution, 2, { o: 4, rest: [2, 3, 3] }),
    ];
    await expect(applying(tensors)).rejects.toThrow(
      `style: expected layers that fit this unet, got unet.${attention}.lora_A.weight makes [3, 1024] for a weight ` +
        "[3, 5]; no layer for unet.down_blocks.0.attentions.7.proj_in.lora_A.weight; " +
        `unet.${convolution}.lora_A.weight makes [4, 2, 3, 3] for a weight [3, 2, 3, 3]\n` +
        "  hint: it seems to be made for Stable Diffusion 2.x",
    );
  });

  it.each([
    [{ ss_base_model_version: "sdxl_base_v1-0" }, "Stable Diffusion XL"],
    [{ ss_base_model_version: "sd_v1" }, "Stable Diffusion 1.x"],
    [{ "modelspec.architecture": "stable-diffusion-v2-768-v/lora" }, "Stable Diffusion 2.x"],
    [{ "modelspec.architecture": "flux-1-dev/lora" }, "FLUX"],
    [{ "modelspec.architecture": "stable-diffusion-3-medium/lora" }, "Stable Diffusion 3"],
    [{ "modelspec.architecture": "something else" }, "something else"],
  ])("one whose metadata say its base: %o", async (metadata, base) => {
    await expect(applying(pair("up_blocks.9.x", 2), { metadata })).rejects.toThrow(
      `hint: it seems to be made for ${base}`,
    );
  });

  it("one of XL for its second text encoder, and one of a transformer for its names", async () => {
    const second = pair("x", 2).map(
      ([name, array]) => [name.replace("unet", "text_encoder_2"), array] as const,
    );
    await expect(applying([...pair("up_blocks.9.x", 2), ...second])).rejects.toThrow(
      "made for Stable Diffusion XL",
    );
    const blocks = pair("x", 2).map(
      ([name, array]) => [name.replace("unet", "transformer.transformer_blocks.0"), array] as const,
    );
    await expect(applying(blocks)).rejects.toThrow(
      /got unknown transformer\S+lora_A.weight; unknown transformer\S+\n {2}hint: .* a transformer \(FLUX/,
    );
  });

  it.each([
    ["lora_unet_x.dora_scale", "DoRA"],
    [`unet.${attention}.lora_magnitude_vector`, "DoRA"],
    ["lora_unet_x.hada_w1_a", "LoHa"],
    ["lora_unet_x.lokr_w2", "LoKr"],
    ["lora_unet_x.oft_blocks", "OFT"],
    ["lora_unet_x.lora_mid.weight", "LoCon by Tucker's decomposition"],
    ["lora_unet_x.diff_b", "whole differences of weights"],
    ["unet.x.lora_B.bias", "LoRA with biases"],
  ])("another method by its name: %s", async (name, method) => {
    const tensors = [...pair(attention, 1), [name, NDArray.zeros([1])] as const];
    await expect(applying(tensors)).rejects.toThrow(
      `style: expected a LoRA of products up · down, got ${method}`,
    );
  });

  it("half a layer, halves that do not fit each other, what is not finite, and what is unknown", async () => {
    const [down] = pair("a", 2) as [readonly [string, NDArray], unknown];
    const [, wrong] = pair("b", 3) as [unknown, readonly [string, NDArray]];
    const [right] = pair("b", 2) as [readonly [string, NDArray], unknown];
    const [first, second] = pair("c", 1) as [readonly [string, NDArray], readonly [string, NDArray]];
    const tensors = [down, right, wrong, first, [second[0], second[1].mul(Infinity)] as const];
    await expect(applying([...tensors, ["w", NDArray.zeros([1])]])).rejects.toThrow(
      "got unknown w; unet.a.lora_A.weight without its other half; " +
        "unet.b.lora_A.weight, whose halves are [3,3] and [2,5]; unet.c.lora_A.weight, which is not finite",
    );
  });

  it("an empty file and a scale that is no number", async () => {
    await expect(applying([])).rejects.toThrow(/U-Net and text encoders, got none$/);
    await expect(applying(pair(attention, 1), { scale: Number.NaN })).rejects.toThrow(
      "style: expected a finite scale, got NaN",
    );
  });
});

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { clipTextModel, clipTextModelWithProjection, clipTextSchema } from "../../src/models/index.ts";
import { leaves } from "../../src/nn/index.ts";
import { openTextEncoder, type TextEncoder } from "../../src/pipelines/text-encoder.ts";
import { openTokenizer } from "../../src/pipelines/tokenizer.ts";

const folder = fileURLToPath(new URL("../fixtures/clip/byte-pairs/", import.meta.url));
const tokenizer = await openTokenizer(folder);
const vocabulary = JSON.parse(await readFile(`${folder}vocab.json`, "utf8"));
const config = clipTextSchema.parse({
  vocab_size: Object.keys(vocabulary).length,
  hidden_size: 8,
  intermediate_size: 16,
  num_hidden_layers: 3,
  num_attention_heads: 2,
  projection_dim: 5,
});
const options = { backend: "onnx", threads: 1 } as const;

/** Layers that are kept, of the same weights; a final normalisation that shows whether it was there. */
const withLayers = (layers: number) => {
  const module = clipTextModel({ ...config, num_hidden_layers: layers }, new Generator(3));
  for (const [name, leaf] of leaves(module))
    if (name.includes("final_layer_norm.bias")) leaf.value = NDArray.full(leaf.shape, 3);
  return module;
};
const same = async (a: Promise<{ states: NDArray }>, b: Promise<{ states: NDArray }>) => {
  const [first, second] = [(await a).states, (await b).states];
  expect(first.shape).toEqual([1, tokenizer.maxLength, 8]);
  expect(Math.max(...[...first.sub(second).data].map(Math.abs))).toBeLessThan(1e-5);
};

describe("states of a text", () => {
  it("with a layer left out are those of an encoder that has one less, normalised", async () => {
    const [three, two] = [withLayers(3), withLayers(2)];
    const encoders = [three, two].map((module) => openTextEncoder(module, tokenizer, "last", options));
    await same((encoders[0] as TextEncoder).encode("a fox", 1), (encoders[1] as TextEncoder).encode("a fox"));
    for (const each of encoders) await each.close();
  });

  it("before the last layer are as they are, with an embedding of the whole where there is one", async () => {
    const module = clipTextModelWithProjection(config, new Generator(3));
    const encoder = openTextEncoder(module, tokenizer, "penultimate", options);
    const { states, pooled } = await encoder.encode("a fox");
    expect(states.shape).toEqual([1, tokenizer.maxLength, 8]);
    expect(pooled?.shape).toEqual([1, 5]);
    await encoder.close();
  });

  it("cannot leave out more layers than there are", async () => {
    const encoder = openTextEncoder(withLayers(3), tokenizer, "penultimate", options);
    await expect(encoder.encode("a fox", 3)).rejects.toThrow(
      "a whole number from 0 to 2, as there are 3 layers",
    );
    await expect(encoder.encode("a fox", 0.5)).rejects.toThrow("clip skip");
  });

  it("say what the encoder has no room for", async () => {
    const encoder = openTextEncoder(withLayers(1), tokenizer, "last", options);
    expect((await encoder.encode("a fox")).cut).toBeNull();
    const { cut } = await encoder.encode(`${"fox ".repeat(200)}end`);
    expect(cut).toMatch(/end/);
    await encoder.close();
  });
});

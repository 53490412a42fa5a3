import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { Generator, NDArray, sizeOf } from "../../src/base/index.ts";
import { readSafetensors } from "../../src/formats/index.ts";
import { vqModel, vqModelSchema } from "../../src/models/index.ts";
import { blank, leaves, loadState, parameters, stateOf } from "../../src/nn/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { gradients, input, type Named, type Tensor, trace } from "../../src/tensor/index.ts";

/** Of the largest value: what the project promises against the reference implementation in float32. */
const OUTPUT_TOLERANCE = 1e-4;

const url = (name: string) => new URL(`../fixtures/autoencoders/${name}`, import.meta.url);
const readJson = async (name: string) => JSON.parse(await readFile(url(`${name}.json`), "utf8"));

const largest = ({ data }: NDArray): number => Math.max(...[...data].map(Math.abs));
const expectNear = (got: NDArray | undefined, wanted: NDArray) => {
  expect(got?.shape).toEqual(wanted.shape);
  expect(largest((got as NDArray).sub(wanted))).toBeLessThan(OUTPUT_TOLERANCE * largest(wanted));
};

const run = async (
  net: object,
  feeds: Named<NDArray>,
  forward: (inputs: Named<Tensor>) => Named<Tensor>,
): Promise<Named<NDArray>> => {
  const graph = trace(feeds, forward, leaves(net));
  const compiled = await compile(graph, { worker: false, weights: stateOf(net) });
  const results = await compiled(feeds);
  await compiled.close();
  return results;
};

const small = (changes: object = {}) =>
  vqModelSchema.parse({
    block_out_channels: [4, 4],
    down_block_types: ["DownEncoderBlock2D", "DownEncoderBlock2D"],
    up_block_types: ["UpDecoderBlock2D", "UpDecoderBlock2D"],
    norm_num_groups: 2,
    num_vq_embeddings: 5,
    ...changes,
  });

describe.each(["vq", "vq-wide"])("VQModel, %s,", async (name) => {
  const { config } = await readJson(name);
  const { tensors } = readSafetensors(await readFile(url(`${name}.safetensors`)), name);
  const of = (key: string) => tensors.get(key) as NDArray;
  const net = vqModel(vqModelSchema.parse(config), blank);
  const state = [...tensors].filter(([key]) => key.startsWith("weight."));
  loadState(net, new Map(state.map(([key, value]) => [key.slice("weight.".length), value])));

  it("encodes, quantises and decodes as diffusers does", async () => {
    const feeds = { pictures: of("pictures"), latents: of("latents"), numbers: of("numbers") };
    const got = await run(net, feeds, ({ pictures, latents, numbers }) => ({
      encoded: net.encode(pictures as Tensor),
      nearest: net.quantize.nearest(latents as Tensor),
      decoded: net.decode(latents as Tensor),
      lookedUp: net.decodeNumbers(numbers as Tensor),
    }));
    expectNear(got.encoded, of("latents"));
    expect(got.nearest).toEqual(of("numbers"));
    expectNear(got.decoded, of("decoded"));
    expectNear(got.lookedUp, of("decoded"));
  });
});

describe("VQModel", () => {
  it("has the names and shapes of a published one", async () => {
    const {
      config,
      parameters: count,
      tensors,
      digest,
    } = (await readJson("full-vq-and-tiny")).models.VQModel;
    const found = parameters(vqModel(vqModelSchema.parse(config), blank));
    expect(found.size).toBe(tensors);
    expect([...found.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0)).toBe(count);
    const lines = [...found].map(([key, { shape }]) => `${key} ${shape.join(",")}`).sort();
    expect(createHash("sha256").update(lines.join("\n")).digest("hex")).toBe(digest);
  });

  it("takes the first of entries that are equally near", async () => {
    const net = vqModel(small({ latent_channels: 1 }), new Generator(0));
    net.quantize.embedding.weight.value = NDArray.of([3, -1, 1, 1, -1], [5, 1]);
    const z = NDArray.of([-5, 0, 0.5, 2, 2.5, 99], [1, 1, 2, 3]);
    const { numbers } = await run(net, { z }, ({ z }) => ({ numbers: net.quantize.nearest(z as Tensor) }));
    expect([...(numbers as NDArray).data]).toEqual([1, 1, 2, 0, 0, 0]);
  });

  it("hands on what is not a number, and does not make a picture of it", async () => {
    const net = vqModel(small(), new Generator(0));
    const z = NDArray.full([1, 3, 2, 2], Number.NaN);
    const { y } = await run(net, { z }, ({ z }) => ({ y: net.decode(z as Tensor) }));
    expect(y?.isFinite()).toBe(false);
  });

  it("lets derivatives pass the codebook by", async () => {
    const net = vqModel(small(), new Generator(0));
    const z = new Generator(1).normal([1, 3, 2, 2]);
    const { slope } = await run(net, { z }, ({ z }) => {
      const loss = net.decode(z as Tensor).sum();
      return { slope: gradients(loss, [z as Tensor])[0] as Tensor };
    });
    expect(largest(slope as NDArray)).toBeGreaterThan(1e-3);
  });
});

describe("VQModel refuses", () => {
  const complaint = (changes: object) =>
    vqModelSchema
      .safeParse({ norm_num_groups: 4, ...changes })
      .error?.issues.map(({ message, path }) => `${path.join(".")} ${message}`)
      .join("; ");
  it.each([
    [{ norm_type: "spatial" }, 'norm_type expected group, got "spatial"'],
    [{ down_block_types: ["AttnDownEncoderBlock2D"] }, "expected DownEncoderBlock2D"],
    [{ block_out_channels: [6] }, "channels divisible by norm_num_groups, not 6 by 4"],
    [{ num_vq_embeddings: 0 }, "num_vq_embeddings"],
    [{ shift_factor: 1 }, "shift_factor"],
  ])("configurations as %j, by name", (changes, words) => {
    expect(complaint(changes)).toContain(words);
  });

  it("sides that do not halve evenly, other channels, and numbers that are not whole", () => {
    const net = vqModel(small(), blank);
    expect(() => net.encode(input([1, 3, 9, 8]))).toThrow(
      "vqModel: expected [n, 3, h, w] with h and w divisible by 2, got [1, 3, 9, 8]",
    );
    expect(() => net.decode(input([1, 4, 9, 8]))).toThrow("[n, 3, h, w], got [1, 4, 9, 8]");
    expect(() => net.decodeNumbers(input([1, 2, 2]))).toThrow("int32[n, h, w], got float32[1, 2, 2]");
    expect(() => net.decodeNumbers(input([4], "int32"))).toThrow("int32[n, h, w], got int32[4]");
  });
});

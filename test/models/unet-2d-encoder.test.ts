import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { readSafetensors } from "../../src/formats/index.ts";
import { unet2dEncoder, unet2dEncoderSchema } from "../../src/models/index.ts";
import { leaves, loadState, parameters, stateOf } from "../../src/nn/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { gradients, input, softmax, type Tensor, trace } from "../../src/tensor/index.ts";

/** Of the largest value: what the project promises against the reference implementation in float32. */
const OUTPUT_TOLERANCE = 1e-4;
const GRADIENT_TOLERANCE = 1e-3;
/** Gradients that are zero in exact arithmetic (`to_k.bias`) are rounding noise below this. */
const ROUNDING = 1e-7;

const largest = ({ data }: NDArray): number => Math.max(...[...data].map((x) => Math.abs(x)));

const url = (ending: string) => new URL(`../fixtures/unet2d-encoder/encoder.${ending}`, import.meta.url);

it("an encoder has the names, output and gradients of diffusers' way down with torch's attention behind", async () => {
  const { config, image, outputs } = JSON.parse(await readFile(url("json"), "utf8"));
  const { tensors } = readSafetensors(await readFile(url("safetensors")), "encoder");
  const of = (prefix: string) =>
    new Map(
      [...tensors].flatMap(([key, value]) =>
        key.startsWith(prefix) ? [[key.slice(prefix.length), value] as const] : [],
      ),
    );
  const net = unet2dEncoder(unet2dEncoderSchema.parse(config), { image, outputs }, new Generator(0));
  loadState(net, of("weight."));
  const { sample, timestep, labels } = Object.fromEntries(of("input.")) as Record<string, NDArray> & {
    sample: NDArray;
    timestep: NDArray;
    labels: NDArray;
  };
  const wanted = NDArray.zeros([labels.size, outputs]);
  labels.data.forEach((label, k) => {
    wanted.data[k * outputs + label] = 1;
  });
  const trained = parameters(net);
  const feeds = { sample, timestep, wanted };
  const graph = trace(
    feeds,
    (given) => {
      const { sample, timestep, wanted } = given as Record<"sample" | "timestep" | "wanted", Tensor>;
      const output = net.forward(sample, timestep);
      const loss = softmax(output).mul(wanted).sum([1]).log().neg().mean();
      const found = gradients(loss, [sample, ...trained.values()]);
      const names = ["sample", ...trained.keys()].map((key) => `gradient.${key}`);
      return { output, ...Object.fromEntries(names.map((key, i) => [key, found[i] as Tensor])) };
    },
    leaves(net),
  );
  const run = await compile(graph, { worker: false, weights: stateOf(net) });
  const results = await run(feeds);
  await run.close();
  const expectNear = (name: string, expected: NDArray, limit: number) => {
    const got = results[name] as NDArray;
    expect(got.shape, name).toEqual(expected.shape);
    expect(largest(got.sub(expected)), name).toBeLessThan(limit);
  };
  const output = tensors.get("output") as NDArray;
  expectNear("output", output, OUTPUT_TOLERANCE * largest(output));
  const expected = of("gradient.");
  expect([...trained.keys(), "sample"].sort()).toEqual([...expected.keys()].sort());
  for (const [name, value] of expected)
    expectNear(`gradient.${name}`, value, Math.max(GRADIENT_TOLERANCE * largest(value), ROUNDING));
});

const small = {
  in_channels: 1,
  block_out_channels: [4, 8],
  down_block_types: ["DownBlock2D", "AttnDownBlock2D"],
  norm_num_groups: 2,
  attention_head_dim: 4,
};

it("an encoder is of one size of images, which halve as often as it does", () => {
  const config = unet2dEncoderSchema.parse(small);
  expect(() => unet2dEncoder(config, { image: [7, 8], outputs: 3 }, new Generator(0))).toThrow(
    "unet2dEncoder: expected images of sides divisible by 2, got [7, 8]",
  );
  const net = unet2dEncoder(config, { image: [8, 8], outputs: 3 }, new Generator(0));
  expect(net.forward(input([2, 1, 8, 8]), input([2])).shape).toEqual([2, 3]);
  expect(() => net.forward(input([2, 1, 16, 8]), input([2]))).toThrow(
    "unet2dEncoder: expected images [n, 1, 8, 8], got [2, 1, 16, 8]",
  );
});

it.each([
  [{ norm_num_groups: 3 }, /channels divisible by norm_num_groups, not 4 by 3/],
  [{ down_block_types: ["DownBlock2D"] }, /as many down_block_types as block_out_channels \(2\)/],
  [{ up_block_types: ["UpBlock2D", "UpBlock2D"] }, /up_block_types/],
  [{ down_block_types: ["SkipDownBlock2D", "SkipDownBlock2D"] }, /3 in_channels for SkipDownBlock2D, not 1/],
])("an encoder's configuration is refused where it does not fit together: %j", (change, message) => {
  expect(() => unet2dEncoderSchema.parse({ ...small, ...change })).toThrow(message);
});

import { expect, it } from "vitest";
import { imageGenerators, NDArray } from "../../src/base/index.ts";
import {
  binomialKernel,
  binomialProcess,
  diffusionProcess,
  gaussianKernel,
  type KernelNetwork,
  scheduleSchema,
} from "../../src/diffusion/index.ts";
import { type ReverseChainOptions, reverseChain } from "../../src/samplers/index.ts";
import { exactBits, heartbeats, silent } from "../diffusion/kernels.ts";

const gaussian = gaussianKernel(diffusionProcess(scheduleSchema.parse({ num_train_timesteps: 4 })));
const options: ReverseChainOptions = {
  kernel: gaussian,
  network: silent(2),
  generators: imageGenerators(5, 3),
  shape: [2, 1, 1],
};
const collect = async (changes: Partial<ReverseChainOptions> = {}) => {
  const frames = [];
  for await (const frame of reverseChain({ ...options, generators: imageGenerators(5, 3), ...changes }))
    frames.push(frame);
  return frames;
};

it("yields a frame a step, and asks the network for every learned one, down from the last", async () => {
  const asked: number[] = [];
  const network: KernelNetwork = (x, t) => {
    asked.push(t);
    return silent(2)(x, t);
  };
  const frames = await collect({ network });
  expect(frames.map(({ index, total }) => [index, total])).toEqual([0, 1, 2, 3].map((k) => [k, 4]));
  expect(asked).toEqual([3, 2, 1]); // the step to data is the process' own
  expect(frames.at(-1)?.x.shape).toEqual([3, 2, 1, 1]);
});

it("makes sample k of seed + k alone", async () => {
  const all = (await collect()).at(-1)?.x as NDArray;
  const last = (await collect({ generators: imageGenerators(7, 1) })).at(-1)?.x as NDArray;
  expect(last.data).toEqual(all.rows(2, 3).data);
});

it("makes perfect heartbeats with a network that says all that is to be said", async () => {
  const process = binomialProcess({ steps: 200 });
  const sequences = heartbeats(10, 5);
  const frames = await collect({
    kernel: binomialKernel(process),
    network: exactBits(process, sequences),
    generators: imageGenerators(0, 40),
    shape: [10, 1, 1],
  });
  const truth = new Set(sequences.map((bits) => bits.map((bit) => 2 * bit - 1).join()));
  const end = frames.at(-1)?.x as NDArray;
  const made = end.split().map(({ data }) => data.join());
  expect(made.filter((row) => truth.has(row))).toHaveLength(40);
  expect(new Set(made).size).toBe(5);
});

it("names the step that left the finite numbers", async () => {
  const network: KernelNetwork = async (x, t) => [x.mul(t === 2 ? Number.NaN : 0), NDArray.zeros(x.shape)];
  await expect(collect({ network })).rejects.toThrow(
    "reverse chain, step 2 of 4 (t = 2): expected finite values",
  );
});

it("ends with the signal", async () => {
  await expect(collect({ signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
});

import { host } from "#host";
import { ArgumentError, Generator, type NDArray, UndiffuseError } from "../base/index.ts";
import { attention, conv2d, type Graph, groupNorm, sin, split, trace, vjp } from "../tensor/index.ts";
import { compile } from "./compile.ts";
import type { Device, OtherDevice } from "./device.ts";

/** Of a result's largest value: devices sum in other orders, and take shortcuts in exponentials and divisions. */
const TOLERANCE = 1e-3;

/** How a device did on the block. */
export interface SelfTest {
  readonly device: OtherDevice;
  /** The largest difference from the CPU of any result, relative to the result's largest value. */
  readonly difference: number;
  /** What it took to compile and run the block on the device. */
  readonly ms: number;
}

const CHANNELS = 16;
const SIDE = 8;

const feedsOf = (random: Generator) => ({
  x: random.normal([2, CHANNELS, SIDE, SIDE]),
  kernel: random.normal([CHANNELS, CHANNELS, 3, 3]).mul(0.1),
  bias: random.normal([CHANNELS]),
  scale: random.normal([CHANNELS]),
  shift: random.normal([CHANNELS]),
  projection: random.normal([CHANNELS, 3 * CHANNELS]).mul(0.3),
  times: random.normal([8]).mul(500),
});
type Feeds = ReturnType<typeof feedsOf>;

/** One of each of what networks consist of, and its gradients, called what a person is told of them. */
const block = (feeds: Feeds): Graph =>
  trace(feeds, ({ times, ...learned }) => {
    const { x, kernel, bias, scale, shift, projection } = learned;
    const image = conv2d(x, kernel, bias, { stride: 1, padding: [1, 1, 1, 1] });
    const normed = groupNorm(image, scale, shift, { groups: 4, eps: 1e-5, silu: true });
    const product = normed
      .reshape([2, CHANNELS, SIDE * SIDE])
      .transpose([0, 2, 1])
      .matmul(projection);
    const [q = product, k = product, v = product] = split(product, 3, 2);
    const attended = attention(q, k, v, { heads: 2, scale: 0.3 });
    const gradients = vjp(attended, Object.values(learned), attended);
    return {
      sine: sin(times),
      convolution: image,
      "group norm with SiLU": normed,
      "matrix product": product,
      attention: attended,
      ...Object.fromEntries(
        Object.keys(learned).map((name, i) => [`gradient in ${name}`, gradients[i] ?? attended]),
      ),
    };
  });

/**
 * Computes one small block on a device and on the CPU.
 * @throws ArgumentError for a device that is not there, and for one whose results are not the CPU's to 1e-3
 */
export const selfTest = async (device: OtherDevice): Promise<SelfTest> => {
  const feeds = feedsOf(new Generator(0));
  const graph = block(feeds);
  const before = performance.now();
  const got = await runOn(device, graph, feeds);
  const ms = performance.now() - before;
  const expected = await runOn("cpu", graph, feeds);
  const differences = Object.entries(expected).map(
    ([name, value]) => [name, relativeDifference(got[name], value)] as const,
  );
  const wrong = differences.find(([, difference]) => !(difference <= TOLERANCE));
  if (wrong)
    throw new ArgumentError({
      who: `device ${device}`,
      expected: `the CPU's results to ${TOLERANCE}`,
      got: `another ${wrong[0]}, by ${wrong[1].toPrecision(2)} of its largest value`,
      hint: "a newer driver may help; --device cpu always works",
    });
  return { device, difference: Math.max(...differences.map(([, difference]) => difference)), ms };
};

const runOn = async (
  device: Device,
  graph: Graph,
  feeds: Feeds,
): Promise<Readonly<Record<string, NDArray>>> => {
  const run = await compile(graph, { device, worker: false });
  try {
    return await run(feeds);
  } finally {
    await run.close();
  }
};

/** NaN where the device gave NaN, or nothing. */
const relativeDifference = (got: NDArray | undefined, expected: NDArray): number =>
  got ? largest(got.sub(expected)) / largest(expected) : Number.NaN;

const largest = (values: NDArray): number => Math.max(...values.abs().data);

/** The order in which `auto` tries what there is. */
const preference: readonly OtherDevice[] = ["cuda", "webgpu", "dml", "coreml"];

/**
 * The first device that is there and agrees with the CPU, or the CPU.
 * @param say told of each device that was tried, and why it was not taken
 */
export const chooseDevice = async (say: (line: string) => void): Promise<Device> => {
  const known = await host.devices();
  for (const device of preference.filter((each) => known.includes(each))) {
    try {
      const { difference, ms } = await selfTest(device);
      say(
        `device ${device}: agrees with the CPU to ${difference.toExponential(0)}, tested in ${ms.toFixed(0)} ms`,
      );
      return device;
    } catch (error) {
      if (!(error instanceof UndiffuseError)) throw error;
      say(`${error.message.split("\n")[0]}; passed over`);
    }
  }
  say("device cpu: no other is left");
  return "cpu";
};

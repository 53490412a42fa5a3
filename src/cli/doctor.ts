import { access, constants, mkdir } from "node:fs/promises";
import { availableParallelism, freemem, totalmem } from "node:os";
import { host } from "#host";
import { Generator, NDArray, UndiffuseError } from "../base/index.ts";
import { defaultCacheFolder } from "../data/index.ts";
import { decodeImage, encodePng, pictureFormats } from "../formats/index.ts";
import {
  autoPrecision,
  type Backend,
  compile,
  deviceNames,
  inferTarget,
  selfTest,
} from "../runtime/index.ts";
import { conv2d, trace } from "../tensor/index.ts";
import { defineCommand, exitCodes } from "./command.ts";
import { version } from "./version.ts";

/** One thing to check: its finding, or an error with what is wrong. */
interface Check {
  readonly name: string;
  readonly run: () => Promise<string>;
  readonly remedy: string;
}

const gigabytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GB`;

const checks: readonly Check[] = [
  {
    name: "Node.js",
    run: async () => {
      const [major = 0] = process.versions.node.split(".").map(Number);
      if (major < 20) throw new Error(`version ${process.versions.node}`);
      return `${process.version} on ${process.platform} ${process.arch}`;
    },
    remedy: "install Node.js 20 or later",
  },
  {
    name: "machine",
    run: async () =>
      `${availableParallelism()} cores, ${gigabytes(freemem())} of ${gigabytes(totalmem())} memory free`,
    remedy: "",
  },
  {
    name: "onnxruntime",
    run: async () => `CPU, ${await checkConvolution("onnx")}`,
    remedy: "reinstall with: ONNXRUNTIME_NODE_INSTALL=skip npm ci",
  },
  { name: "devices", run: checkDevices, remedy: "" },
  { name: "native engine", run: checkNative, remedy: "build it again with: npm run build:native" },
  { name: "images", run: checkImages, remedy: "reinstall with: npm ci --include=optional" },
  {
    name: "cache",
    run: async () => {
      const folder = defaultCacheFolder();
      await mkdir(folder, { recursive: true });
      await access(folder, constants.W_OK);
      return folder;
    },
    remedy: "set XDG_CACHE_HOME to a folder that can be written",
  },
];

/** Other devices than the CPU are nobody's need, so that none is no failure. */
async function checkDevices(): Promise<string> {
  const known = await host.devices();
  const lines = [`onnxruntime's build is for ${known.join(", ")}`];
  for (const device of deviceNames) {
    if (device === "cpu" || !known.includes(device)) continue;
    try {
      const { difference, ms } = await selfTest(device);
      lines.push(
        `--device ${device} works: agrees with the CPU to ${difference.toExponential(0)}, tested in ${ms.toFixed(0)} ms`,
      );
    } catch (error) {
      if (!(error instanceof UndiffuseError)) throw error;
      lines.push(`no --device ${device}: ${error.got}`, `  ${error.hint}`);
    }
  }
  return lines.join(`\n${" ".repeat(21)}`);
}

/** The native engine is nobody's need, so that none is no failure. */
async function checkNative(): Promise<string> {
  const engine = host.nativeEngine();
  if (!engine) return "not built; for faster training: npm run build:native";
  const { onednn, isa, bf16 } = engine;
  const facts = [
    `oneDNN ${onednn} for ${isa}, ${bf16 ? "which has bf16" : "which has no bf16"}`,
    await checkConvolution("native"),
    `it is used, trainings in ${autoPrecision(engine)}`,
  ];
  return facts.join("; ");
}

/** Runs a convolution in a worker and compares it with a loop. */
async function checkConvolution(backend: Backend): Promise<string> {
  const random = new Generator(0);
  const [x, weight] = [random.normal([1, 2, 5, 5]), random.normal([1, 2, 3, 3])];
  const graph = trace({ x, weight }, (feeds) => ({
    y: conv2d(feeds.x, feeds.weight, undefined, { stride: 1, padding: [0, 0, 0, 0] }),
  }));
  const run = await compile(graph, { target: inferTarget(backend) });
  const { y } = await run({ x, weight });
  await run.close();
  let expected = 0;
  for (let c = 0; c < 2; c++)
    for (let i = 0; i < 3; i++)
      for (let j = 0; j < 3; j++)
        expected += (x.data[c * 25 + i * 5 + j] as number) * (weight.data[c * 9 + i * 3 + j] as number);
  if (!(Math.abs((y?.data[0] ?? Number.NaN) - expected) < 1e-4))
    throw new Error(`a convolution gave ${y?.data[0]} instead of ${expected}`);
  return "a convolution agrees with a plain loop";
}

/** Encodes a picture and decodes it again. */
async function checkImages(): Promise<string> {
  const pixels = NDArray.of(
    Array.from({ length: 48 }, (_, i) => i * 5),
    [3, 4, 4],
    "uint8",
  );
  const decoded = await decodeImage(await encodePng(pixels), { size: 4, channels: 3 });
  if (!decoded.data.every((level, i) => level === pixels.data[i])) throw new Error("a PNG came back changed");
  return `${pictureFormats.map((format) => format.toUpperCase()).join(", ")} are read; PNG and GIF are written`;
}

export const doctorCommand = defineCommand({
  name: "doctor",
  summary: "Check what this machine has and whether everything works",
  arguments: {},
  options: {},
  examples: [["undiffuse doctor", "one line a part, with what to do where it fails"]],
  async run() {
    process.stdout.write(`ok     undiffuse     ${version}\n`);
    for (const { name, run, remedy } of checks) {
      try {
        process.stdout.write(`ok     ${name.padEnd(14)}${await run()}\n`);
      } catch (error) {
        process.stdout.write(`failed ${name.padEnd(14)}${(error as Error).message}\n       ${remedy}\n`);
        process.exitCode = exitCodes.failed;
      }
    }
  },
});

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { onnxExport } from "../../src/systems/index.ts";
import { onnxFunction } from "../../src/systems/onnx-function.ts";
import { openEvaluate } from "../../src/train/index.ts";
import { recipeOf, untrained } from "../systems/untrained.ts";
import { largest } from "./agreement.ts";
import { startServer } from "./server.ts";

/** Of the largest value: sums of float32 in another order. */
const TOLERANCE = 1e-4;
/** Of the largest value: of float16's ten bits, through some ten layers. */
const HALF_TOLERANCE = 1e-2;

const EXTERNAL = "beside.onnx.data";

/** onnxruntime-web as any page would use it, with nothing of ours. */
const script = `import * as ort from "onnxruntime-web/wasm";
export const run = async (name, feeds, external) => {
  const load = async (file) => new Uint8Array(await (await fetch("/page/" + file)).arrayBuffer());
  const data = external ? { externalData: [{ path: external, data: await load(external) }] } : {};
  const session = await ort.InferenceSession.create(await load(name), { executionProviders: ["wasm"], ...data });
  const typed = { float32: Float32Array, int32: Int32Array };
  const tensors = Object.entries(feeds).map(([key, { dtype, data, shape }]) => [
    key,
    new ort.Tensor(dtype, typed[dtype].from(data), shape),
  ]);
  const { out_sample: { dims, data: values } } = await session.run(Object.fromEntries(tensors));
  return { dims: [...dims], values: [...values] };
};`;

const trained = untrained(recipeOf("ddpm", { schedule: { num_train_timesteps: 100 } }));
const write = (name: string, options: { readonly half?: boolean; readonly limit?: number } = {}) => {
  const { model, data } = onnxExport(trained, { external: EXTERNAL, version: "test", ...options });
  writeFileSync(join(pages, name), model);
  if (data.length) writeFileSync(join(pages, EXTERNAL), Buffer.concat(data));
};

const findChromium = (): string =>
  process.env.CHROMIUM ??
  execFileSync("sh", ["-c", "command -v chromium || command -v chromium-browser"], {
    encoding: "utf8",
  }).trim();

let pages: string;
let server: Awaited<ReturnType<typeof startServer>>;
let browser: Browser;
beforeAll(async () => {
  pages = mkdtempSync(join(tmpdir(), "undiffuse-export-"));
  writeFileSync(join(pages, "run.js"), script);
  write("whole.onnx");
  write("half.onnx", { half: true });
  write("beside.onnx", { limit: 0 });
  server = await startServer(pages);
  browser = await chromium.launch({ executablePath: findChromium(), args: ["--no-sandbox"] });
});
afterAll(async () => {
  await browser?.close();
  server?.close();
  rmSync(pages, { recursive: true });
});

const feedsOf = ([batch, height, width]: readonly [number, number, number]): Record<string, NDArray> => ({
  sample: new Generator(batch).normal([batch, 1, height, width]),
  timestep: NDArray.of(Array.from({ length: batch }, (_, i) => 3 + 20 * i)),
  class_labels: NDArray.of(
    Array.from({ length: batch }, (_, i) => i % 4),
    [batch],
    "int32",
  ),
});

/** What we compute ourselves. */
const ours = async (feeds: Readonly<Record<string, NDArray>>): Promise<NDArray> => {
  const fn = onnxFunction(trained);
  const [, , height = 0, width = 0] = feeds.sample?.shape ?? [];
  const { evaluate, close } = openEvaluate(trained.stage.networks, trained.weights);
  const program = (batch: number) => ({
    inputs: fn.inputs({ batch, height, width }),
    outputs: fn.outputs,
  });
  const { out_sample } = await evaluate(program, feeds);
  await close();
  return out_sample as NDArray;
};

it.each<[string, readonly [number, number, number], number, string?]>([
  ["whole.onnx", [1, 16, 16], TOLERANCE],
  ["whole.onnx", [3, 8, 20], TOLERANCE],
  ["beside.onnx", [2, 4, 4], TOLERANCE, EXTERNAL],
  ["half.onnx", [2, 16, 16], HALF_TOLERANCE],
])(
  "Chromium computes by %s what is computed here, at a batch, height and width of %s",
  async (name, sizes, tolerance, external) => {
    const feeds = feedsOf(sizes);
    const page = await browser.newPage();
    await page.goto(`${server.url}/plain`);
    const plain = Object.entries(feeds).map(
      ([key, { dtype, shape, data }]) => [key, { dtype, shape, data: [...data] }] as const,
    );
    // As text, since vitest rewrites the imports of functions.
    const words = [name, Object.fromEntries(plain), external ?? null].map((word) => JSON.stringify(word));
    const got: { readonly dims: readonly number[]; readonly values: readonly number[] } = await page.evaluate(
      `import("/page/run.js").then(({ run }) => run(${words.join(", ")}))`,
    );
    await page.close();
    const expected = await ours(feeds);
    expect(got.dims).toEqual(expected.shape);
    const apart = got.values.map((value, i) => value - (expected.data[i] as number));
    expect(largest(apart)).toBeLessThan(tolerance * largest([...expected.data]));
  },
);

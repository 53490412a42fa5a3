import { execFileSync } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { samplerKinds } from "undiffuse/samplers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SHADER_PATIENCE } from "../runtime/software-gpu.ts";
import { distance, expectAgreement, largest, TOLERANCE } from "./agreement.ts";
import { experiment, type NetworkResults, type Results, smallExperiment, type Where } from "./page.ts";
import { startServer } from "./server.ts";

/** Standard deviation of images that are more than one grey. */
const CONTRAST = 0.05;
/** Workers by their scripts: the package's own, and the threads that onnxruntime starts. */
const sessionWorker = /\/dist\/runtime\/session-worker\.js$/;
const ortThread = /\/onnxruntime-web\/dist\/ort[^/]*\.mjs$/;

const executable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const findChromium = (): string => {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const candidates = process.env.CHROMIUM
    ? [process.env.CHROMIUM]
    : ["chromium", "chromium-browser"].flatMap((name) => folders.map((folder) => join(folder, name)));
  const found = candidates.find(executable);
  if (found) return found;
  throw new Error(
    `browser test: expected Chromium at ${process.env.CHROMIUM ?? "chromium on the PATH"}, got no program ` +
      "(apt-get install chromium, or give its path in the environment variable CHROMIUM)",
  );
};

/** The page's script as JavaScript, in a folder of its own. */
const compilePage = (): string => {
  const pages = mkdtempSync(join(tmpdir(), "undiffuse-page-"));
  const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  const tsc = path("../../node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [tsc, "-p", path("."), "--outDir", pages], { stdio: "inherit" });
  return pages;
};

const deviation = (values: readonly number[]): number => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
};

let pages: string;
let server: Awaited<ReturnType<typeof startServer>>;
let browser: Browser;
let context: BrowserContext;
let node: Results;

beforeAll(async () => {
  const webgpu = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
  browser = await chromium.launch({ executablePath: findChromium(), args: ["--no-sandbox", ...webgpu] });
  context = await browser.newContext();
  pages = compilePage();
  server = await startServer(pages);
  node = await experiment({ worker: false });
});

afterAll(async () => {
  await browser?.close();
  server?.close();
  if (pages) rmSync(pages, { recursive: true });
});

/** What a page complained about, and the workers that it started. */
const watch = (page: Page) => {
  const complaints: string[] = [];
  const started: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("requestfailed", (request) => complaints.push(`${request.url()} failed`));
  page.on("response", (response) => {
    if (!response.ok()) complaints.push(`${response.url()}: ${response.status()}`);
  });
  page.on("worker", (worker) => started.push(worker.url()));
  return { complaints, started };
};

/** Opens an empty page of the server. */
const open = async (path: "/isolated" | "/plain") => {
  const page = await context.newPage();
  const seen = watch(page);
  await page.goto(server.url + path);
  return { page, ...seen };
};

/** As text, since vitest rewrites the imports of functions. */
const experimentIn = <T>(page: Page, name: string, where: Where): Promise<T> =>
  page.evaluate(`import("/page/page.js").then(({ ${name} }) => ${name}(${JSON.stringify(where)}))`);

it("has reference images that are neither flat nor out of range", () => {
  expect(node.images.every((value) => Math.abs(value) <= 1)).toBe(true);
  expect(deviation(node.images)).toBeGreaterThan(CONTRAST);
  for (const gradient of Object.values(node.gradients)) expect(largest(gradient)).toBeLessThan(Infinity);
  expect(largest(node.gradients["gradient.conv_in.weight"] ?? [])).toBeGreaterThan(TOLERANCE);
});

describe.each<{ path: "/isolated" | "/plain"; where: Where; workers: readonly RegExp[] }>([
  { path: "/isolated", where: { worker: false, threads: 2 }, workers: [ortThread] },
  { path: "/isolated", where: { worker: true, threads: 2 }, workers: [sessionWorker, ortThread] },
  { path: "/plain", where: { worker: false }, workers: [] },
])("a network in Chromium, page $path, $where", ({ path, where, workers }) => {
  it("draws the images and has the gradients that it has in Node", async () => {
    const { page, complaints, started } = await open(path);
    const results = await experimentIn<Results>(page, "experiment", where);
    await page.close();
    expect(complaints).toEqual([]);
    expectAgreement(results, node);
    expect(Object.keys(results.points)).toEqual(samplerKinds);
    for (const [kind, points] of Object.entries(node.points))
      expect(distance(results.points[kind] ?? [], points), kind).toBeLessThan(TOLERANCE * largest(points));
    for (const kind of [sessionWorker, ortThread])
      expect(started.some((url) => kind.test(url))).toBe(workers.includes(kind));
  });
});

it(
  "a network on WebGPU in Chromium, in a worker, has the images and gradients of the CPU in Node",
  async () => {
    const expected = await smallExperiment({ worker: false });
    const { page, complaints, started } = await open("/isolated");
    const where = { worker: true, device: "webgpu" } as const;
    const results = await experimentIn<NetworkResults>(page, "smallExperiment", where);
    await page.close();
    expect(complaints).toEqual([]);
    expectAgreement(results, expected);
    expect(started.some((url) => sessionWorker.test(url))).toBe(true);
  },
  SHADER_PATIENCE,
);

it("names WebGPU where a browser has none", async () => {
  const { page } = await open("/plain");
  await page.evaluate("Object.defineProperty(navigator, 'gpu', { value: undefined })");
  await expect(experimentIn(page, "smallExperiment", { worker: false, device: "webgpu" })).rejects.toThrow(
    /device webgpu: expected one that onnxruntime finds here, got .*WebGPU/,
  );
  await page.close();
});

it("says which worker did not start", async () => {
  const { page, complaints } = await open("/plain");
  const opening = page.evaluate(
    `import("/dist/runtime/index.js").then(({ Remote }) => Remote.open(new URL("/absent.js", location.href)))`,
  );
  await expect(opening).rejects.toThrow("/absent.js did not start");
  await expect.poll(() => complaints).toContain(`${server.url}/absent.js: 404`);
  await page.close();
});

import { execFileSync } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { experiment, type Results } from "./page.ts";
import { startServer } from "./server.ts";

/** Of images in [-1, 1], and of the largest gradient: two builds of onnxruntime sum in different orders. */
const TOLERANCE = 1e-3;
/** Standard deviation of images that are more than one grey. */
const CONTRAST = 0.05;

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

const largest = (values: readonly number[]): number => Math.max(...values.map(Math.abs));
const distance = (a: readonly number[], b: readonly number[]): number => {
  expect(a.length).toBe(b.length);
  return largest(a.map((value, i) => value - (b[i] as number)));
};
const deviation = (values: readonly number[]): number => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
};

let pages: string;
let browser: Browser;
let node: Results;

beforeAll(async () => {
  browser = await chromium.launch({ executablePath: findChromium(), args: ["--no-sandbox"] });
  pages = compilePage();
  node = await experiment(false);
});

afterAll(async () => {
  await browser?.close();
  if (pages) rmSync(pages, { recursive: true });
});

/** What a page complained about, and the workers that it started. */
const watch = (page: Page) => {
  const complaints: string[] = [];
  const workers: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("requestfailed", (request) => complaints.push(`${request.url()} failed`));
  page.on("response", (response) => {
    if (!response.ok()) complaints.push(`${response.url()}: ${response.status()}`);
  });
  page.on("worker", (worker) => workers.push(worker.url()));
  return { complaints, workers };
};

/** Opens an empty page of the build's server. */
const open = async (isolated: boolean) => {
  const server = await startServer({ pages, isolated });
  const page = await browser.newPage();
  const seen = watch(page);
  await page.goto(server.url);
  return {
    page,
    ...seen,
    async close() {
      await page.close();
      server.close();
    },
  };
};

/** As text, since vitest rewrites the imports of functions. */
const experimentIn = (page: Page, worker: boolean): Promise<Results> =>
  page.evaluate(`import("/page/page.js").then(({ experiment }) => experiment(${worker}))`);

it("has reference images that are neither flat nor out of range", () => {
  expect(node.images.every((value) => Math.abs(value) <= 1)).toBe(true);
  expect(deviation(node.images)).toBeGreaterThan(CONTRAST);
  expect(Number.isFinite(largest(node.gradient)) && largest(node.gradient)).toBeGreaterThan(TOLERANCE);
});

describe.each([
  { where: "in the page", isolated: true, worker: false },
  { where: "in a worker", isolated: true, worker: true },
  { where: "in a page that may not share memory", isolated: false, worker: false },
  { where: "in a worker that may not share memory", isolated: false, worker: true },
])("a network $where", ({ isolated, worker }) => {
  it("draws the images and has the gradient that it has in Node", async () => {
    const { page, complaints, workers, close } = await open(isolated);
    const results = await experimentIn(page, worker);
    const shares = await page.evaluate(() => crossOriginIsolated);
    await close();
    expect(complaints).toEqual([]);
    expect(shares).toBe(isolated);
    expect(distance(results.images, node.images)).toBeLessThan(TOLERANCE);
    expect(Math.abs(results.loss - node.loss)).toBeLessThan(TOLERANCE);
    expect(distance(results.gradient, node.gradient)).toBeLessThan(TOLERANCE * largest(node.gradient));
    expect(workers.some((url) => url.endsWith("/dist/runtime/session-worker.js"))).toBe(worker);
  });
});

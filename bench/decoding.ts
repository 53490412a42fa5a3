// How fast data come: batches from memory as training draws them, and a folder decoded for the first time and
// from the cache:
//   node --import ./tools/typescript.mjs --conditions=undiffuse-source bench/decoding.ts
// Prints images a second, to be laid beside what a training step needs (bench/README.md).
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { Generator, type NDArray, Streams } from "../src/base/index.ts";
import { Batches, type Dataset, makeDataset, openImageFolder } from "../src/data/index.ts";
import { machine, median } from "./peer.ts";

const IMAGES = 2000;
const SIZE = 32;
const MARGIN = 4;
const BATCH = 32;
const ROUNDS = 5;
const PICTURES = 512;
const [WIDTH, HEIGHT] = [640, 480];

const perSecond = async (count: number, work: () => unknown): Promise<number> => {
  const started = performance.now();
  await work();
  return (1000 * count) / (performance.now() - started);
};

const noise = (shape: number[]): NDArray => new Generator(0).integers(0, 256, shape).cast("uint8");

const dataset = (margin: number): Dataset => {
  const images = noise([IMAGES, 3, SIZE, SIZE]);
  const uncropped = noise([IMAGES, 3, SIZE + margin, SIZE + margin]);
  return makeDataset({
    name: "noise",
    images,
    ...(margin && { uncropped }),
    labels: null,
    classes: null,
    skipped: [],
  });
};

const batchesPerSecond = async (flip: boolean, margin: number): Promise<number> => {
  const streams = new Streams(0);
  const batches = new Batches({
    dataset: dataset(margin),
    batch: BATCH,
    flip,
    order: streams.get("data order"),
    flips: streams.get("flips"),
    crops: streams.get("crops"),
  });
  const found: number[] = [];
  for (let round = 0; round < ROUNDS; round++)
    found.push(
      await perSecond(IMAGES, () => {
        for (let i = 0; i < IMAGES; i += BATCH) batches.next();
      }),
    );
  return median(found);
};

/** Blurred noise compresses about as photographs do. */
const writePhotographs = async (folder: string): Promise<void> => {
  await mkdir(folder);
  const raw = { width: WIDTH / 8, height: HEIGHT / 8, channels: 3 } as const;
  for (let i = 0; i < PICTURES; i++) {
    const pixels = new Generator(i).integers(0, 256, [raw.height, raw.width, 3]).cast("uint8");
    const jpeg = sharp(pixels.data as Uint8Array, { raw })
      .resize(WIDTH, HEIGHT)
      .jpeg({ quality: 90 });
    await writeFile(join(folder, `${i}.jpg`), await jpeg.toBuffer());
  }
};

console.log(machine());
for (const [name, flip, margin] of [
  ["as they are", false, 0],
  ["flip", true, 0],
  ["flip and crop", true, MARGIN],
] as const)
  console.log(
    `batches of ${BATCH}, ${SIZE}×${SIZE}×3, ${name}: ${(await batchesPerSecond(flip, margin)).toFixed(0)}`,
  );

const root = await mkdtemp(join(tmpdir(), "undiffuse-bench-"));
await writePhotographs(join(root, "pictures"));
const open = () =>
  openImageFolder(join(root, "pictures"), {
    size: SIZE,
    channels: 3,
    margin: MARGIN,
    cacheFolder: join(root, "cache"),
  });
for (const time of ["first time", "from the cache"])
  console.log(`folder of JPEG ${WIDTH}×${HEIGHT}, ${time}: ${(await perSecond(PICTURES, open)).toFixed(0)}`);
await rm(root, { recursive: true });

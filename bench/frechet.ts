// The Fréchet distance of as many features as Inception has, against pytorch-fid with the same features and threads:
// from both sets' features to the distance, as an evaluation takes it. A turn of each after the other:
//   PYTHON=/path/to/venv/bin/python node --import ./tools/typescript.mjs --conditions=undiffuse-source \
//     bench/frechet.ts [samples …]
// The Python environment holds bench/peers/requirements.txt. Prints medians, their ratio and both distances.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Generator, type NDArray } from "../src/base/index.ts";
import { withFrechetService } from "../src/evaluation/frechet-service.ts";
import { alone, machine, median, openPeer, ratio } from "./peer.ts";

const WIDTH = 2048;
/** What features have in common: their covariance is that of so many factors, and a part of each feature's own. */
const FACTORS = 64;
const ROUNDS = 3;

const loadings = new Generator(0).normal([FACTORS, WIDTH]);

/** Features [n, WIDTH], around a mean. */
const featuresOf = (n: number, seed: number, mean: number): NDArray => {
  const random = new Generator(seed);
  const factors = random.normal([n, FACTORS]);
  const features = random.normal([n, WIDTH]).add(mean);
  const { data } = features;
  for (let row = 0; row < n; row++)
    for (let k = 0; k < FACTORS; k++) {
      const factor = (factors.data[row * FACTORS + k] as number) / (k + 1);
      for (let i = 0; i < WIDTH; i++)
        data[row * WIDTH + i] =
          (data[row * WIDTH + i] as number) + factor * (loadings.data[k * WIDTH + i] as number);
    }
  return features;
};

console.log(machine());
const wanted = process.argv.slice(2).map(Number);
for (const n of wanted.length ? wanted : [2_500, 10_000]) {
  const folder = await mkdtemp(join(tmpdir(), "undiffuse-bench-"));
  const [samples, reference] = [featuresOf(n, 1, 0), featuresOf(n, 2, 0.05)];
  await writeFile(join(folder, "samples"), samples.data);
  await writeFile(join(folder, "reference"), reference.data);
  const peer = await openPeer("frechet.py", { folder, width: WIDTH });
  let distance = Number.NaN;
  const turn = async (): Promise<number> => {
    const started = performance.now();
    distance = await withFrechetService(samples, reference, (service) => service.distance());
    return performance.now() - started;
  };
  const times = { ours: [] as number[], theirs: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    times.theirs.push(await alone(() => peer.turn()));
    times.ours.push(await alone(turn));
  }
  const { distance: theirs } = JSON.parse(peer.facts);
  peer.close();
  await rm(folder, { recursive: true });
  const seconds = (each: readonly number[]) => (median(each) / 1000).toFixed(1);
  console.log(
    `${n} samples: ${seconds(times.ours)} s; pytorch-fid ${seconds(times.theirs)} s; ${distance} and ${theirs}`,
  );
  console.log(`  median of ratios of time: ${ratio(times.ours, times.theirs).toFixed(2)} × pytorch-fid`);
}

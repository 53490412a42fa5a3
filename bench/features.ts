// Features of images by the networks that undiffuse evaluate compares by, against PyTorch with the same architecture,
// threads and images: from uint8 images to features, as an evaluation takes them. A turn of each after the other:
//   PYTHON=/path/to/venv/bin/python node --import ./tools/typescript.mjs --conditions=undiffuse-source \
//     bench/features.ts [network …]
// The Python environment holds bench/peers/requirements.txt. Prints medians and their ratio.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Generator, NDArray, sizeOf } from "../src/base/index.ts";
import { type FeatureNetwork, networkOf, openFeatureNetwork } from "../src/evaluation/index.ts";
import { writeSafetensors } from "../src/formats/index.ts";
import { classifier, classifierSchema, inceptionV3 } from "../src/models/index.ts";
import { parameters } from "../src/nn/index.ts";
import { alone, backend, machine, median, openPeer, ratio, THREADS } from "./peer.ts";

const ROUNDS = 9;

interface Contest {
  /** Images of a turn. */
  readonly images: number;
  /** [c, h, w] */
  readonly image: readonly [number, number, number];
  readonly open: () => Promise<FeatureNetwork>;
  /** What the peer builds. */
  readonly network: object;
}

const options = { threads: THREADS, backend };
const widths = { widths: [24, 48, 96], blocks: 1, groups: 8, classes: 10 };

/** pytorch-fid's parameters with normals of He's deviation, and batch norms that change nothing. */
const openRandomInception = async (): Promise<FeatureNetwork> => {
  const random = new Generator(0);
  const tensors = new Map<string, NDArray>();
  for (const [name, { shape }] of parameters(inceptionV3())) {
    if (!name.endsWith(".weight")) continue;
    const layer = name.replace(/\.weight$/, "");
    const all = (value: number) => NDArray.full([shape[0] as number], value);
    tensors.set(`${layer}.conv.weight`, random.normal(shape).mul(Math.sqrt(2 / sizeOf(shape.slice(1)))));
    for (const [key, value] of Object.entries({ weight: 1, bias: 0, running_mean: 0, running_var: 1 }))
      tensors.set(`${layer}.bn.${key}`, all(value));
  }
  const folder = await mkdtemp(join(tmpdir(), "undiffuse-bench-"));
  const path = join(folder, "inception.safetensors");
  await writeFile(path, writeSafetensors(tensors));
  const network = await openFeatureNetwork(path, options);
  await rm(folder, { recursive: true });
  return network;
};

const openRandomClassifier = async (image: Contest["image"]): Promise<FeatureNetwork> => {
  const config = classifierSchema.parse({ ...widths, image });
  const net = classifier(config, new Generator(0));
  return networkOf(net, { name: "classifier", fingerprint: "", classes: [..."0123456789"] }, options);
};

const contests: Readonly<Record<string, Contest>> = {
  "Inception, 32×32 in colour": {
    images: 16,
    image: [3, 32, 32],
    open: openRandomInception,
    network: { kind: "inception" },
  },
  "classifier, 32×32 in colour": {
    images: 512,
    image: [3, 32, 32],
    open: () => openRandomClassifier([3, 32, 32]),
    network: { kind: "classifier", ...widths },
  },
  "classifier, 16×16 grey": {
    images: 1024,
    image: [1, 16, 16],
    open: () => openRandomClassifier([1, 16, 16]),
    network: { kind: "classifier", ...widths },
  },
};

console.log(machine());
const wanted = process.argv.slice(2);
for (const [name, contest] of Object.entries(contests)) {
  if (wanted.length && !wanted.includes(name)) continue;
  const shape = [contest.images, ...contest.image];
  const images = NDArray.of(new Generator(1).integers(0, 256, shape).data, shape, "uint8");
  const peer = await openPeer("features.py", { network: contest.network, shape });
  const ours = await contest.open();
  const turn = async (): Promise<number> => {
    const started = performance.now();
    await ours.extract(images);
    return performance.now() - started;
  };
  await turn();
  const times = { ours: [] as number[], torch: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    times.torch.push(await alone(() => peer.turn()));
    times.ours.push(await alone(turn));
  }
  peer.close();
  await ours.close();
  const speed = (each: readonly number[]) => ((1000 * contest.images) / median(each)).toFixed(1);
  console.log(
    `${name}: ${speed(times.ours)} images/s; PyTorch ${speed(times.torch)} images/s; ${peer.facts}`,
  );
  console.log(`  median of ratios of time: ${ratio(times.ours, times.torch).toFixed(2)} × PyTorch`);
}

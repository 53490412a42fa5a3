import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import {
  classifierTrainingSchema,
  networkOf,
  openFeatureNetwork,
  writeClassifier,
} from "../../src/evaluation/index.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/index.ts";
import { classifier, classifierSchema, inceptionV3 } from "../../src/models/index.ts";
import { parameters, stateOf } from "../../src/nn/index.ts";
import { patterns, TINY } from "./patterns.ts";

const { images } = patterns(70);
const net = classifier(classifierSchema.parse({ image: [1, 8, 8], classes: 2, ...TINY }), new Generator(5));
const about = {
  data: { name: "patterns", fingerprint: "abc", images: 70 },
  classes: ["dark", "bright"],
  heldOut: { images: 7, accuracy: 0.75 },
  training: classifierTrainingSchema.parse({}),
};

/** Matrix products of another batch round differently. */
const ROUNDING = 1e-5;
const apart = (a: NDArray, b: NDArray): number => Math.max(...a.sub(b).abs().data);

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "undiffuse-network-"));
  path = join(folder, "net.safetensors");
  await writeClassifier(path, net, about);
});

/** The classifier's file with something changed. */
const changed = async (
  name: string,
  change: (tensors: Map<string, NDArray>, metadata: Record<string, string>) => void,
): Promise<string> => {
  const { tensors, metadata } = readSafetensors(await readFile(path));
  change(tensors, metadata);
  const out = join(folder, name);
  await writeFile(out, writeSafetensors(tensors, metadata));
  return out;
};

describe("a classifier's file", () => {
  test("opens as a network with its name, and the features that it had", async () => {
    const network = await openFeatureNetwork(path);
    const known = networkOf(net, { name: "", fingerprint: "", classes: about.classes });
    expect(network.name).toBe(`classifier of patterns, ${network.fingerprint.slice(0, 8)}`);
    expect(network).toMatchObject({ standard: false, width: 8, classes: ["dark", "bright"] });
    expect((await network.extract(images)).features).toEqual((await known.extract(images)).features);
    await network.close();
    await known.close();
  });

  test("features of an image do not depend on batch and place", async () => {
    const network = await openFeatureNetwork(path);
    const seen: number[] = [];
    const onProgress = (done: number, total: number) => {
      expect(total).toBe(70);
      seen.push(done);
    };
    const all = (await network.extract(images, { onProgress })).features;
    expect(all.shape).toEqual([70, 8]);
    expect(seen).toEqual([64, 70]);
    for (const i of [0, 63, 64, 69])
      expect(apart((await network.extract(images.rows(i, i + 1))).features, all.rows(i, i + 1))).toBeLessThan(
        ROUNDING,
      );
    await network.close();
  });

  test.each([
    ["of another size", patterns(2, { side: 9 }).images, /expected images of 1×8×8, got 1×9×9/],
    ["of no bytes", images.cast("float32"), /expected uint8 images \[n, c, h, w\], got float32/],
    ["that are none", NDArray.zeros([0, 1, 8, 8], "uint8"), /expected at least one image, got none/],
  ])("refuses images %s", async (_, wrong, message) => {
    const network = await openFeatureNetwork(path);
    await expect(network.extract(wrong)).rejects.toThrow(message);
    if (wrong.shape[2] === 9) expect(() => network.check([1, 9, 9])).toThrow(message);
    await network.close();
  });

  test("ends between batches when it is told to", async () => {
    const network = await openFeatureNetwork(path);
    await expect(network.extract(images, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow(
      "enough",
    );
    await network.close();
  });
});

describe("openFeatureNetwork refuses", () => {
  test("no file", async () => {
    await expect(openFeatureNetwork(join(folder, "none"))).rejects.toThrow(
      /readable file of a feature network/,
    );
  });

  test("a file of something else", async () => {
    const other = await changed("other", (_, metadata) => {
      delete metadata["undiffuse-classifier"];
    });
    await expect(openFeatureNetwork(other)).rejects.toThrow(
      /a classifier of undiffuse, or Inception's weights/,
    );
  });

  test("another format", async () => {
    const other = await changed("format", (_, metadata) => {
      metadata["undiffuse-classifier"] = '{"format":9}';
    });
    await expect(openFeatureNetwork(other)).rejects.toThrow(/a classifier of format 1, got \{"format":9\}/);
  });

  test("weights that are missing, or not those that the file describes", async () => {
    const other = await changed("less", (tensors) => tensors.delete("head.bias"));
    await expect(openFeatureNetwork(other)).rejects.toThrow(/that its metadata describes, got no head.bias/);
  });

  test("weights that are NaN", async () => {
    const other = await changed("nan", (tensors) => {
      tensors.set("head.bias", NDArray.of([0, Number.NaN]));
    });
    await expect(openFeatureNetwork(other)).rejects.toThrow(
      /expected finite weights, got NaN or infinity in head.bias/,
    );
  });
});

test("a classifier with weights that are not finite is not written", async () => {
  const broken = classifier(net.config, new Generator(1));
  broken.head.bias.value = NDArray.of([0, Number.NaN]);
  await expect(writeClassifier(join(folder, "broken"), broken, about)).rejects.toThrow(
    /finite weights to save/,
  );
  await expect(readFile(join(folder, "broken"))).rejects.toThrow("ENOENT");
  expect(stateOf(net).size).toBeGreaterThan(0);
});

describe("Inception's parameters", () => {
  /** pytorch-fid's names, with weights of 0 and batch norms that add 1. */
  const state = new Map(
    [...parameters(inceptionV3())]
      .filter(([name]) => name.endsWith(".weight"))
      .flatMap(([name, { value }]) => {
        const layer = name.replace(/\.weight$/, "");
        const each = (level: number) => NDArray.full([value.shape[0] as number], level);
        return [
          [`${layer}.conv.weight`, value],
          [`${layer}.bn.weight`, each(1)],
          [`${layer}.bn.bias`, each(1)],
          [`${layer}.bn.running_mean`, each(0)],
          [`${layer}.bn.running_var`, each(1)],
        ] as const;
      }),
  );

  test("make the network of FID, which takes images of any size", async () => {
    const file = join(folder, "inception.safetensors");
    await writeFile(file, writeSafetensors(state));
    const network = await openFeatureNetwork(file);
    expect(network).toMatchObject({ name: "Inception", standard: true, width: 2048, classes: null });
    const { features, read } = await network.extract(images.rows(0, 1));
    expect(features).toEqual(NDArray.full([1, 2048], 1));
    expect(read).toBeNull();
    await network.close();
  });

  test("are refused where one is missing", async () => {
    const file = join(folder, "less.safetensors");
    const less = new Map(state);
    less.delete("Mixed_6b.branch7x7_2.bn.running_var");
    await writeFile(file, writeSafetensors(less));
    await expect(openFeatureNetwork(file)).rejects.toThrow(/Mixed_6b.branch7x7_2.bn.running_var: nothing/);
  });
});

import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { beforeAll, describe, expect, test } from "vitest";
import { Generator, type NDArray } from "../../src/base/index.ts";
import { inceptionState } from "../../src/evaluation/inception-onnx.ts";
import { openFeatureNetwork } from "../../src/evaluation/index.ts";
import { readOnnx, writeSafetensors } from "../../src/formats/index.ts";
import { ModelProtoSchema } from "../../src/lower/index.ts";
import { foldedInception } from "../../src/models/index.ts";
import { drawnInception } from "../models/drawn-inception.ts";

type Node = readonly [type: string, inputs: string[], outputs: string[], floats?: Record<string, number>];
interface Export {
  readonly nodes: readonly Node[];
  readonly outputs: readonly string[];
  /** Which of the network's parameters each constant is. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** The graphs that torch's exporters make of the network, without its numbers; see test/fixtures/README.md. */
const { exports } = JSON.parse(
  await readFile(new URL("../fixtures/inception-onnx.json", import.meta.url), "utf8"),
) as { readonly exports: Readonly<Record<string, Export>> };

type Model = MessageInitShape<typeof ModelProtoSchema>;
type Constant = NonNullable<NonNullable<Model["graph"]>["initializer"]>[number];

const named = drawnInception();
const parameters = new Map([...named, ...foldedInception(named)]);

const bytesOf = ({ data }: NDArray) =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength) as Uint8Array<ArrayBuffer>;
const inside = (name: string, value: NDArray): Constant => ({
  ...{ name, dataType: 1, dims: value.shape.map(BigInt) },
  rawData: bytesOf(value),
});

/** The bytes of an export with the seed's parameters. */
const encoded = (
  { nodes, outputs, parameters: names }: Export,
  constant: (name: string, value: NDArray) => Constant = inside,
): Uint8Array => {
  const node = nodes.map(([opType, input, output, floats = {}]) => ({
    ...{ opType, input, output },
    attribute: Object.entries(floats).map(([name, f]) => ({ name, f, type: 1 })),
  }));
  const initializer = Object.entries(names).map(([name, of]) =>
    constant(name, parameters.get(of) as NDArray),
  );
  const graph = { node, initializer, output: outputs.map((name) => ({ name })) };
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { graph }));
};

/** Of float32 through 94 convolutions; relative to the largest feature. */
const AGREEMENT = 1e-4;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "undiffuse-onnx-"));
});

const written = async (name: string, bytes: Uint8Array | string): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
};
const stateOf = async (path: string): Promise<Map<string, NDArray>> =>
  inceptionState(path, await readOnnx(path));

/** What differs from the seed's parameters, bit by bit, and how many there are. */
const compared = (state: ReadonlyMap<string, NDArray>) => ({
  count: state.size,
  others: [...state].flatMap(([name, value]) => {
    const known = parameters.get(name);
    return known && Buffer.compare(bytesOf(value), bytesOf(known)) === 0 ? [] : [name];
  }),
});
const FOLDED = { count: 2 * 94, others: [] };

const images = new Generator(1).integers(0, 256, [1, 3, 32, 32]).cast("uint8");
const featuresBy = async (path: string): Promise<NDArray> => {
  const network = await openFeatureNetwork(path);
  expect(network).toMatchObject({ name: "Inception", standard: true, width: 2048 });
  const { features } = await network.extract(images);
  await network.close();
  return features;
};

const [first] = Object.values(exports) as [Export];

describe("an ONNX model of pytorch-fid's Inception", () => {
  test.each(Object.entries(exports))("gives every parameter its place: %s", async (name, graph) => {
    const path = await written(`${name}.onnx`, encoded(graph));
    const normed = graph.nodes.some(([type]) => type === "BatchNormalization");
    expect(compared(await stateOf(path))).toEqual(normed ? { count: 5 * 94, others: [] } : FOLDED);
  });

  test("gives the features that its parameters give as safetensors", async () => {
    const path = await written("folded.onnx", encoded(first));
    const other = await written("inception.safetensors", writeSafetensors(named));
    const [found, expected] = [await featuresBy(path), await featuresBy(other)];
    const apart = Math.max(...found.sub(expected).abs().data);
    expect(apart).toBeLessThan(AGREEMENT * Math.max(...expected.data));
  });

  test("may list its nodes in any order", async () => {
    const path = await written("turned.onnx", encoded({ ...first, nodes: first.nodes.toReversed() }));
    expect(compared(await stateOf(path))).toEqual(FOLDED);
  });

  test("may have its numbers in a file beside it, or one by one", async () => {
    const parts: Uint8Array[] = [];
    let offset = 0;
    const outside = (name: string, value: NDArray): Constant => {
      if (value.size === 32)
        return { ...inside(name, value), rawData: new Uint8Array(), floatData: [...value.data] };
      const bytes = inside(name, value).rawData as Uint8Array;
      const where = { location: "beside.onnx.data", offset: String(offset), length: String(bytes.length) };
      const externalData = Object.entries(where).map(([key, value]) => ({ key, value }));
      parts.push(bytes);
      offset += bytes.length;
      return { name, dataType: 1, dims: value.shape.map(BigInt), dataLocation: 1, externalData };
    };
    const path = await written("beside.onnx", encoded(first, outside));
    await expect(openFeatureNetwork(path)).rejects.toThrow(
      /beside.onnx.data: expected numbers of .*beside.onnx/,
    );
    await written("beside.onnx.data", Buffer.concat(parts));
    expect(compared(await stateOf(path))).toEqual(FOLDED);
    await written("beside.onnx.data", Buffer.concat(parts).subarray(0, -4));
    await expect(openFeatureNetwork(path)).rejects.toThrow(/beside.onnx: expected numbers of /);
  });
});

describe("refused is", () => {
  /** An export whose nodes are changed; of its numbers there are none. */
  const refused = async (change: (node: Node, i: number) => readonly Node[]): Promise<string> =>
    written("other.onnx", encoded({ ...first, parameters: {}, nodes: first.nodes.flatMap(change) }));

  test("torchvision's Inception, whose last block pools by the mean", async () => {
    const last = first.nodes.findLastIndex(([type]) => type === "MaxPool");
    const path = await refused((node, i) => (i === last ? [["AveragePool", node[1], node[2]]] : [node]));
    await expect(openFeatureNetwork(path)).rejects.toThrow(
      /expected pytorch-fid's Inception, 94 convolutions and 5 poolings by the largest, got 94 and 4/,
    );
  });

  test("a model of fewer convolutions", async () => {
    const path = await refused((node) => (node[0] === "Conv" && node[2][0] ? [] : [node]));
    await expect(openFeatureNetwork(path)).rejects.toThrow(/got 0 and /);
  });

  test("a model that has no parameters in it", async () => {
    const path = await refused((node) => [node]);
    await expect(openFeatureNetwork(path)).rejects.toThrow(/Conv2d_1a_3x3 with float32 weights in the file/);
  });

  test("parameters of other shapes", async () => {
    const halved = (name: string, value: NDArray) =>
      inside(name, value.shape[0] === 80 ? value.rows(0, 40) : value);
    const path = await written("halved.onnx", encoded(first, halved));
    await expect(openFeatureNetwork(path)).rejects.toThrow(
      /parameters of pytorch-fid's Inception, got .*Conv2d_3b_1x1.weight is float32\[40, 64, 1, 1\]/,
    );
  });

  test("a file outside the folder of the model", async () => {
    const externalData = [{ key: "location", value: "../../etc/passwd" }];
    const away = (name: string): Constant => ({
      name,
      dataType: 1,
      dims: [1n],
      dataLocation: 1,
      externalData,
    });
    const path = await written("away.onnx", encoded(first, away));
    await expect(openFeatureNetwork(path)).rejects.toThrow(/numbers in its own folder, got \.\.\/\.\.\/etc/);
  });

  test.each([
    ["text", "hello"],
    ["nothing", ""],
  ])("%s", async (_, content) => {
    const path = await written("text.onnx", content);
    await expect(openFeatureNetwork(path)).rejects.toThrow(/expected an ONNX model/);
  });

  test("no file", async () => {
    await expect(openFeatureNetwork(join(folder, "none.onnx"))).rejects.toThrow(/a readable ONNX model/);
  });
});

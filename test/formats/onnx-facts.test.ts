import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readOnnxFacts } from "../../src/formats/index.ts";
import { ModelProtoSchema, onnxFiles } from "../../src/lower/index.ts";

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "onnx-"));
});
afterAll(() => rm(root, { recursive: true }));

type Dimension = number | string | undefined;
const tensorValue = (name: string, elemType: number, sizes: readonly Dimension[]) => ({
  name,
  type: {
    value: {
      case: "tensorType" as const,
      value: {
        elemType,
        shape: {
          dim: sizes.map((size) => ({
            value:
              typeof size === "number"
                ? { case: "dimValue" as const, value: BigInt(size) }
                : typeof size === "string"
                  ? { case: "dimParam" as const, value: size }
                  : { case: undefined },
          })),
        },
      },
    },
  },
});
const floats = 1;
const weight = { name: "w", dims: [300n, 2n], dataType: floats, rawData: new Uint8Array(2400) };
const model = () =>
  create(ModelProtoSchema, {
    producerName: "someone",
    opsetImport: [
      { domain: "", version: 18n },
      { domain: "com.microsoft", version: 1n },
    ],
    graph: {
      node: [{ opType: "MatMul", input: ["x", "w"], output: ["y"] }],
      input: [
        tensorValue("x", floats, ["batch", 300]),
        tensorValue("w", floats, [300, 2]),
        tensorValue("k", 7, [undefined]),
      ],
      output: [tensorValue("y", 10, ["batch", 2])],
      initializer: [weight],
    },
  });
const about = { version: "1.2", metadata: { call: "y = x w" } };
const written = async (name: string, location?: string): Promise<string> => {
  const path = join(root, name);
  const files = onnxFiles(model(), about, location);
  await writeFile(path, files.model);
  if (location) await writeFile(join(root, location), Buffer.concat(files.data));
  return path;
};

describe("readOnnxFacts", () => {
  it("gives inputs that constants do not give, outputs, metadata and sizes", async () => {
    const facts = await readOnnxFacts(await written("plain.onnx"));
    expect(facts.inputs).toEqual([
      { name: "x", type: "float", shape: ["batch", 300] },
      { name: "k", type: "int64", shape: ["?"] },
    ]);
    expect(facts.outputs).toEqual([{ name: "y", type: "float16", shape: ["batch", 2] }]);
    expect(facts).toMatchObject({ metadata: about.metadata, producer: "someone 1.2", operations: 1 });
    expect(facts).toMatchObject({ parameters: 600, beside: [], missing: [] });
    expect(facts.bytes).toBeGreaterThan(2400);
    expect([...facts.opsets]).toEqual([
      ["", 18],
      ["com.microsoft", 1],
    ]);
  });

  it("counts what lies beside the model, and names it where it is not there", async () => {
    const path = await written("split.onnx", "split.data");
    const { bytes, ...facts } = await readOnnxFacts(path);
    expect(facts).toMatchObject({ beside: ["split.data"], missing: [], parameters: 600 });
    await rm(join(root, "split.data"));
    const without = await readOnnxFacts(path);
    expect(without.missing).toEqual(["split.data"]);
    expect(bytes - without.bytes).toBe(2400);
  });

  it("looks at no file outside the model's folder", async () => {
    const path = join(root, "outside.onnx");
    await writeFile(path, onnxFiles(model(), about, "../../etc/passwd").model);
    expect((await readOnnxFacts(path)).missing).toEqual(["../../etc/passwd"]);
  });

  it.each([
    ["text", "this is no model"],
    ["nothing", ""],
  ])("refuses %s", async (name, content) => {
    const path = join(root, `${name}.onnx`);
    await writeFile(path, content);
    await expect(readOnnxFacts(path)).rejects.toThrow(/expected an ONNX model/);
  });

  it("refuses what is not there", async () => {
    await expect(readOnnxFacts(join(root, "none.onnx"))).rejects.toThrow(/a readable ONNX model/);
  });
});

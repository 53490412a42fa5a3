import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { lowered, ModelProtoSchema, onnxFiles, tensorBytes } from "../../src/lower/index.ts";
import { type Graph, input } from "../../src/tensor/index.ts";

const x = input([2, 40]);
const w = input([40, 30]);
const b = input([30]);
const graph: Graph = {
  inputs: new Map([
    ["x", x],
    ["b", b],
    ["w", w],
  ]),
  outputs: new Map([["y", x.matmul(w).add(b).reshape([3, 20])]]),
};
const weights = new Map([
  [
    "w",
    NDArray.of(
      Array.from({ length: 1200 }, (_, i) => i),
      [40, 30],
    ),
  ],
  ["b", NDArray.full([30], 5)],
]);
const about = { version: "3.2.1", metadata: { call: "y = x w + b" } };
const built = () => lowered(graph, { weights }).model();

describe("a model as files", () => {
  it("is one file that says who wrote it and what it is", () => {
    const { model, data } = onnxFiles(built(), about);
    expect(data).toEqual([]);
    const read = fromBinary(ModelProtoSchema, model);
    expect(read).toMatchObject({ producerName: "undiffuse", producerVersion: "3.2.1" });
    expect(read.metadataProps).toMatchObject([{ key: "call", value: "y = x w + b" }]);
  });

  it("keeps large tensors in another file, where it says, at multiples of 64 bytes", () => {
    const { model, data } = onnxFiles(built(), about, "beside.data");
    const { graph: read } = fromBinary(ModelProtoSchema, model);
    const outside = (read?.initializer ?? []).filter(({ dataLocation }) => dataLocation === 1);
    expect(outside.map(({ name }) => name)).toEqual(["w"]);
    const where = Object.fromEntries(outside[0]?.externalData.map(({ key, value }) => [key, value]) ?? []);
    expect(where).toMatchObject({ location: "beside.data", length: "4800" });
    expect(Number(where.offset) % 64).toBe(0);
    const bytes = Buffer.concat(data).subarray(Number(where.offset), Number(where.offset) + 4800);
    expect(new Float32Array(new Uint8Array(bytes).buffer)).toEqual(weights.get("w")?.data);
  });

  it("has shapes and small tensors in the model itself", () => {
    const { model } = onnxFiles(built(), about, "beside.data");
    const inside = fromBinary(ModelProtoSchema, model).graph?.initializer.filter(
      ({ dataLocation }) => dataLocation === 0,
    );
    expect(inside?.map(({ name }) => name)).toContain("b");
    expect(inside?.some(({ dataType }) => dataType === 7)).toBe(true); // int64, the shape
  });

  it("leaves the model that it was given as it was", () => {
    const given = built();
    onnxFiles(given, about, "beside.data");
    expect(tensorBytes(given)).toBe(tensorBytes(built()));
    expect(tensorBytes(given)).toBeGreaterThan(4920);
  });
});

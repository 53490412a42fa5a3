import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { ModelProtoSchema } from "../../src/lower/index.ts";
import { type OnnxOptions, onnxExport, type RecipeInput } from "../../src/systems/index.ts";
import { onnxFunction } from "../../src/systems/onnx-function.ts";
import { openEvaluate } from "../../src/train/index.ts";
import { recipeOf, tinyNetwork, untrained } from "./untrained.ts";

/** Of the largest value: sums of float32 in another order. */
const TOLERANCE = 1e-4;
/** Of the largest value, in float16: half a unit in the last of ten bits, through some ten layers. */
const HALF_TOLERANCE = 1e-2;

const options: OnnxOptions = { external: "model.onnx.data", version: "1.2.3" };
const schedule = { num_train_timesteps: 100 };
const unet = recipeOf("ddpm", { schedule });

let temporary: string;
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), "undiffuse-onnx-"));
});
afterAll(() => rm(temporary, { recursive: true }));

/** Plain feeds in onnxruntime's own terms. */
const run = async (session: InferenceSession, feeds: Readonly<Record<string, NDArray>>) => {
  const given = Object.entries(feeds).map(
    ([name, { dtype, data, shape }]) =>
      [name, new Tensor(dtype as "float32", data as Float32Array, shape)] as const,
  );
  const results = await session.run(Object.fromEntries(given));
  const [name = ""] = session.outputNames;
  const { data, dims, type } = results[name] as Tensor;
  expect(type).toBe("float32");
  return new NDArray(data as Float32Array, dims, "float32");
};

/** Random feeds of these sizes, times from 1 on. */
const feedsOf = (
  { inputs }: ReturnType<typeof onnxFunction>,
  sizes: Readonly<Record<string, number>>,
): Record<string, NDArray> => {
  const random = new Generator(9);
  return Object.fromEntries(
    Object.entries(inputs(sizes)).map(([name, { shape, dtype }]) => {
      const [n = 1] = shape;
      const count = Array.from({ length: n }, (_, i) => i);
      if (dtype === "int32")
        return [
          name,
          NDArray.of(
            count.map((i) => i % 3),
            [n],
            "int32",
          ),
        ];
      return [name, shape.length === 1 ? NDArray.of(count.map((i) => 1 + 37 * i)) : random.normal(shape)];
    }),
  );
};

/** The greatest difference from what we compute ourselves, of the largest value. */
const apart = async (
  input: RecipeInput,
  sizes: Readonly<Record<string, number>>,
  { name, data, ...given }: Partial<OnnxOptions> & NonNullable<Parameters<typeof untrained>[1]> = {},
): Promise<number> => {
  const trained = untrained(input, { ...(name && { name }), ...(data && { data }) });
  const fn = onnxFunction(trained);
  const feeds = feedsOf(fn, sizes);
  const session = await InferenceSession.create(onnxExport(trained, { ...options, ...given }).model);
  const theirs = await run(session, feeds);
  const { evaluate, close } = openEvaluate(trained.stage.networks, trained.weights);
  const program = (batch: number) => ({ inputs: fn.inputs({ ...sizes, batch }), outputs: fn.outputs });
  const ours = Object.values(await evaluate(program, feeds))[0] as NDArray;
  await close();
  expect(theirs.shape).toEqual(ours.shape);
  const largest = Math.max(...ours.abs().data);
  expect(largest).toBeGreaterThan(1e-3);
  return Math.max(...theirs.sub(ours).abs().data) / largest;
};

describe("a network as an ONNX model computes what it computes here", () => {
  it.each([
    { batch: 1, height: 16, width: 16 },
    { batch: 3, height: 8, width: 24 },
    { batch: 5, height: 2, width: 2 },
  ])("at a batch of $batch, $height×$width pixels", async (sizes) => {
    expect(await apart(unet, sizes)).toBeLessThan(TOLERANCE);
  });

  const classifier = { block_out_channels: [8], down_block_types: ["DownBlock2D"], norm_num_groups: 4 };
  const cascade = {
    network: undefined,
    schedule,
    base: { size: 8, network: tinyNetwork },
    superResolution: [{ size: 16, network: tinyNetwork }],
  };
  const points = { data: { form: "points", image: [2, 1, 1] } } as const;
  const sizes = { batch: 3 };
  it.each<[string, RecipeInput, Parameters<typeof untrained>[1]?]>([
    ["iddpm", recipeOf("iddpm", { schedule })],
    ["edm", recipeOf("edm")],
    ["rectified-flow", recipeOf("rectified-flow")],
    ["score-sde", recipeOf("score-sde", { sde: { kind: "ve" } })],
    ["ncsn of points", recipeOf("ncsn", { network: { kind: "mlp", width: 16, layers: 1 } }), points],
    ["adm", recipeOf("adm", { schedule, classifier })],
    ["adm, the classifier", recipeOf("adm", { schedule, classifier }), { name: "classifier" }],
    ["cascade, the first stage", recipeOf("cascade", cascade), { name: "base" }],
    ["cascade, the second stage", recipeOf("cascade", cascade)],
    ["vae", recipeOf("vae", { network: { latents: 4, channels: [8, 8], norm_num_groups: 4 } })],
  ])("of %s", async (_, input, given) => {
    expect(await apart(input, { ...sizes, height: 16, width: 16 }, given)).toBeLessThan(TOLERANCE);
  });

  it("in float16, but for rounding, between float32 inputs and outputs", async () => {
    const far = await apart(unet, { batch: 2, height: 16, width: 16 }, { half: true });
    expect(far).toBeLessThan(HALF_TOLERANCE);
    expect(far).toBeGreaterThan(1e-6); // it is float16
  });
});

describe("the file", () => {
  const read = (bytes: Uint8Array) => fromBinary(ModelProtoSchema, bytes);

  it("says who wrote it, of what, and how it is called", () => {
    const model = read(onnxExport(untrained(unet), options).model);
    expect(model).toMatchObject({ producerName: "undiffuse", producerVersion: "1.2.3" });
    const said = Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value]));
    expect(said).toMatchObject({ system: "ddpm", stage: "ddpm", step: "7", classes: '["zero","one","two"]' });
    expect(said.call).toMatch(/out_sample = eps; class_labels: 0 … 2, 3 for none$/);
    expect(JSON.parse(said.recipe ?? "")).toMatchObject({ system: "ddpm", name: "tiny" });
  });

  it("has standard operations alone, and names its open sizes", () => {
    const { graph, opsetImport } = read(onnxExport(untrained(unet), options).model);
    expect(opsetImport.map(({ domain }) => domain)).toEqual([""]);
    const sizes = (graph?.input ?? []).map(({ name, type }) => {
      const { shape } = type?.value.case === "tensorType" ? type.value.value : {};
      return [name, shape?.dim.map(({ value }) => String(value.value))];
    });
    expect(sizes).toEqual([
      ["sample", ["batch", "1", "height", "width"]],
      ["timestep", ["batch"]],
      ["class_labels", ["batch"]],
    ]);
  });

  it("takes half of the bytes in float16", () => {
    const size = (half: boolean) => onnxExport(untrained(unet), { ...options, half }).model.length;
    expect(size(true)).toBeLessThan(0.75 * size(false)); // the graph takes its part
  });

  it("leaves weights beyond a limit to another one, with which it computes the same", async () => {
    const trained = untrained(unet);
    const path = join(temporary, "model.onnx");
    const { model, data } = onnxExport(trained, { ...options, limit: 1e4 });
    const whole = onnxExport(trained, options).model;
    expect(model.length).toBeLessThan(whole.length / 2);
    await writeFile(path, model);
    await writeFile(join(temporary, options.external), Buffer.concat(data));
    const feeds = feedsOf(onnxFunction(trained), { batch: 2, height: 16, width: 8 });
    const [a, b] = [
      await run(await InferenceSession.create(path), feeds),
      await run(await InferenceSession.create(whole), feeds),
    ];
    expect([...a.data]).toEqual([...b.data]);
  });

  it("is not written with weights that float16 cannot hold", () => {
    const trained = untrained(unet);
    const weights = new Map(trained.weights);
    weights.set("unet.conv_in.bias", NDArray.full([8], 1e6));
    expect(() => onnxExport({ ...trained, weights }, { ...options, half: true })).toThrow(
      /float16: expected weights of its range.*1000000/s,
    );
  });
});

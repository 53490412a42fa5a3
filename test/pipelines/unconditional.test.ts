import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/index.ts";
import { openDiffusersUnet, type UnconditionalRequest } from "../../src/pipelines/index.ts";

/** Of [0, 1]: what the project promises against Python's image of the same seed. */
const TOLERANCE = 2 / 255;
/** Of [0, 1]: images that are one grey would agree whatever was done. */
const CONTRAST = 0.05;

const fixtures = fileURLToPath(new URL("../fixtures/unconditional/", import.meta.url));
interface Case {
  readonly pipeline: string;
  readonly scheduler: string;
  /** `scheduler_config.json` as Python writes it. */
  readonly config: string;
  readonly arguments: { readonly num_inference_steps: number; readonly eta?: number };
}
const { cases, seeds } = JSON.parse(await readFile(join(fixtures, "cases.json"), "utf8")) as {
  readonly cases: Readonly<Record<string, Case>>;
  readonly seeds: readonly [number, number];
};
const { tensors: wanted } = readSafetensors(await readFile(join(fixtures, "images.safetensors")));

let temporary: string;
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), "undiffuse-unconditional-"));
});
afterAll(() => rm(temporary, { recursive: true }));

const json = (path: string, value: object) => writeFile(path, JSON.stringify(value));

/** The fixture's folder under a name of its own, where parts of it may be changed. */
const copied = async (name: string, from = "plain"): Promise<string> => {
  const folder = join(temporary, name);
  await cp(join(fixtures, from), folder, { recursive: true });
  return folder;
};

/** Images in [0, 1], as Python has them. */
const imagesOf = async (folder: string, request: UnconditionalRequest): Promise<NDArray> => {
  const model = await openDiffusersUnet(folder);
  try {
    let last: NDArray | undefined;
    for await (const { x } of model.sample(request)) last = x;
    return (last as NDArray).mul(0.5).add(0.5).clamp(0, 1);
  } finally {
    await model.close();
  }
};

const apart = (a: NDArray, b: NDArray | undefined): number => {
  expect(a.shape).toEqual(b?.shape);
  return Math.max(...a.sub(b as NDArray).abs().data);
};
const deviation = ({ data }: NDArray): number => {
  const values = [...data];
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
};

describe("a folder that Python wrote", () => {
  it.each(Object.entries(cases))("samples the images that Python samples: %s", async (name, given) => {
    const folder = await copied(name);
    const pipeline = given.pipeline === "loop" ? "DDPMPipeline" : given.pipeline;
    const index = JSON.parse(await readFile(join(folder, "model_index.json"), "utf8"));
    const scheduler = ["diffusers", given.scheduler];
    await json(join(folder, "model_index.json"), { ...index, _class_name: pipeline, scheduler });
    await writeFile(join(folder, "scheduler", "scheduler_config.json"), given.config);
    const { num_inference_steps: steps, eta } = given.arguments;
    const expected = wanted.get(name) as NDArray;
    const images = await imagesOf(folder, { seed: seeds[0], count: expected.shape[0] as number, steps, eta });
    expect(deviation(expected)).toBeGreaterThan(CONTRAST);
    expect(apart(images, expected)).toBeLessThan(TOLERANCE);
  });

  it("samples one class an image", async () => {
    const request = { seed: seeds[0], count: 2, steps: 10 };
    const images = await imagesOf(join(fixtures, "classes"), { ...request, labels: [3, 1] });
    expect(apart(images, wanted.get("classes"))).toBeLessThan(TOLERANCE);
    const others = await imagesOf(join(fixtures, "classes"), { ...request, labels: [0, 2] });
    expect(apart(others, wanted.get("classes"))).toBeGreaterThan(TOLERANCE);
  });

  it("samples image k of a batch as that of seed + k alone", async () => {
    const request = { steps: 4 };
    const both = await imagesOf(join(fixtures, "plain"), { ...request, seed: 7, count: 2 });
    const second = await imagesOf(join(fixtures, "plain"), { ...request, seed: 8, count: 1 });
    expect(apart(both.rows(1, 2), second)).toBeLessThan(1e-5); // batched products round differently
  });

  it("samples other sizes than its own", async () => {
    const images = await imagesOf(join(fixtures, "plain"), { steps: 2, size: [12, 20] });
    expect(images.shape).toEqual([1, 3, 12, 20]);
  });

  it("is led to a class and away from another", async () => {
    const request = { steps: 4, labels: [2] };
    const led = await imagesOf(join(fixtures, "classes"), { ...request, guidance: 3, negative: 1 });
    const plain = await imagesOf(join(fixtures, "classes"), request);
    expect(apart(led, plain)).toBeGreaterThan(TOLERANCE);
  });
});

describe("weights by the names that attention had until diffusers 0.17", () => {
  it("are read by today's", async () => {
    const folder = await copied("former");
    const path = join(folder, "unet", "diffusion_pytorch_model.safetensors");
    const { tensors } = readSafetensors(await readFile(path));
    const former = { to_q: "query", to_k: "key", to_v: "value", "to_out.0": "proj_attn" };
    const names = [...tensors].map(([name, value]) => {
      const found = Object.entries(former).find(([today]) => name.includes(`.${today}.`));
      return [found ? name.replace(found[0], found[1]) : name, value] as const;
    });
    expect(names.some(([name]) => name.endsWith("proj_attn.weight"))).toBe(true);
    await writeFile(path, writeSafetensors(new Map(names)));
    const request = { steps: 2 };
    expect(apart(await imagesOf(folder, request), await imagesOf(join(fixtures, "plain"), request))).toBe(0);
  });
});

describe("a folder that cannot be sampled", () => {
  const changed = async (name: string, file: string, change: object): Promise<string> => {
    const folder = await copied(name);
    const path = join(folder, file);
    await json(path, { ...JSON.parse(await readFile(path, "utf8")), ...change });
    return folder;
  };

  it("is refused by the class of its pipeline", async () => {
    const folder = await changed("pipeline", "model_index.json", { _class_name: "KarrasVePipeline" });
    await expect(openDiffusersUnet(folder)).rejects.toThrow(/DDPMPipeline, DDIMPipeline.*KarrasVePipeline/);
  });

  it("is refused by the class of its network", async () => {
    const unet = ["diffusers", "UNet1DModel"];
    const folder = await changed("network", "model_index.json", { unet });
    await expect(openDiffusersUnet(folder)).rejects.toThrow(/UNet2DModel, got UNet1DModel/);
  });

  it("is refused by the class of its scheduler", async () => {
    const scheduler = ["diffusers", "KarrasVeScheduler"];
    const folder = await changed("scheduler", "model_index.json", { scheduler });
    await expect(openDiffusersUnet(folder)).rejects.toThrow(/_class_name.*KarrasVeScheduler/);
  });

  it("is refused with all the weights that are missing or too many", async () => {
    const folder = await copied("weights");
    const path = join(folder, "unet", "diffusion_pytorch_model.safetensors");
    const { tensors } = readSafetensors(await readFile(path));
    tensors.delete("conv_in.bias");
    tensors.delete("conv_out.bias");
    tensors.set("extra.weight", NDArray.zeros([1]));
    await writeFile(path, writeSafetensors(tensors));
    await expect(openDiffusersUnet(folder)).rejects.toThrow(
      /no conv_in.bias; no conv_out.bias; unknown extra.weight/,
    );
  });

  it("is refused where its notes are damaged", async () => {
    const folder = await copied("notes");
    await json(join(folder, "undiffuse.json"), { system: "ddpm" });
    await expect(openDiffusersUnet(folder)).rejects.toThrow(/undiffuse\.json.*noise/s);
  });

  it.each<[string, string, UnconditionalRequest, RegExp]>([
    ["without labels", "classes", {}, /labels: expected classes from 0 to 3.*got none/],
    ["with a class that it has not", "classes", { labels: [4] }, /classes from 0 to 3, got 4/],
    [
      "with guidance away from no class",
      "classes",
      { labels: [1], guidance: 2 },
      /negative: expected classes/,
    ],
    ["with guidance where there are no classes", "plain", { guidance: 2 }, /a model with classes/],
    ["with a size that it cannot halve", "plain", { size: [7, 8], steps: 1 }, /divisible by 2/],
    ["with more steps than were trained", "plain", { steps: 1001 }, /from 1 to 1000/],
  ])("refuses a request %s", async (_, name, request, message) => {
    await expect(imagesOf(join(fixtures, name), request)).rejects.toThrow(message);
  });

  it("asks for the size where the folder has none", async () => {
    const folder = await changed("size", join("unet", "config.json"), { sample_size: null });
    await expect(imagesOf(folder, { steps: 1 })).rejects.toThrow(/size: expected height and width/);
    expect((await imagesOf(folder, { steps: 1, size: [8, 8] })).shape).toEqual([1, 3, 8, 8]);
  });

  it("stops when it is told to", async () => {
    await expect(
      imagesOf(join(fixtures, "plain"), { signal: AbortSignal.abort(new Error("enough")) }),
    ).rejects.toThrow("enough");
  });
});

import { describe, expect, it } from "vitest";
import { NDArray, Streams } from "../../src/base/index.ts";
import {
  edmInputScale,
  edmWeight,
  type NetworkOptions,
  noiseProcesses,
  predictionNames,
  predictions,
  weightingFor,
} from "../../src/diffusion/index.ts";
import { samplerSchema } from "../../src/samplers/index.ts";
import { denoisingStage } from "../../src/systems/denoising.ts";
import { denoisingNetworkSchema } from "../../src/systems/denoising-network.ts";
import { type Objective, predictionObjective } from "../../src/systems/denoising-objective.ts";
import { input, type Tensor } from "../../src/tensor/index.ts";
import { parameterCount, type StageUpdate } from "../../src/train/index.ts";
import { interpret, toDoubles } from "../tensor/reference.ts";

const process = noiseProcesses.rectified_flow();
const data = { form: "points", image: [2, 1, 1], classes: null } as const;
const config = {
  network: denoisingNetworkSchema.parse({ kind: "mlp", width: 8, layers: 1 }),
  conditioning: { kind: "none" } as const,
};
const stageOf = (reading: NetworkOptions, objective: Objective = predictionObjective(reading)) =>
  denoisingStage(
    {
      name: "test",
      process,
      reading,
      objective,
      times: (n, random) => random.uniform([n]).mul(0.9).add(0.05).data,
      heldOut: [0.1, 0.9],
    },
    { config, data, seed: 0 },
  );

/** An objective's loss where the network says a certain thing, by plain loops. */
const lossOf = (objective: Objective, said: (level: { alpha: number; sigma: number }) => number) => {
  const level = process.level(0.3);
  const values = new Map<Tensor, NDArray>();
  const leaf = (value: number, shape: number[]) => {
    const tensor = input(shape);
    values.set(tensor, NDArray.full(shape, value));
    return tensor;
  };
  const pixel = [1, 1, 1, 1];
  const [x0, eps] = [leaf(0.4, pixel), leaf(-1.2, pixel)];
  const coefficients = Object.fromEntries(
    Object.entries(objective.coefficients).map(([name, of]) => [name, leaf(of(level), pixel)]),
  );
  const parts = {
    x0,
    eps,
    x: leaf(level.alpha * 0.4 - level.sigma * 1.2, pixel),
    alpha: leaf(level.alpha, pixel),
    sigma: leaf(level.sigma, pixel),
    output: leaf(said(level), pixel),
  };
  const doubles = new Map([...values].map(([tensor, value]) => [tensor, toDoubles(value)]));
  return interpret([objective.loss(parts, coefficients)], doubles)[0]?.data[0] as number;
};

describe("the objective of a prediction", () => {
  it.each(predictionNames)("is 0 where the network says what %s is, and not elsewhere", (prediction) => {
    const objective = predictionObjective({ prediction });
    const truth = (level: { alpha: number; sigma: number }) => {
      const { ofX0, ofEps } = predictions[prediction](level);
      return 0.4 * ofX0 - 1.2 * ofEps;
    };
    expect(lossOf(objective, truth)).toBeLessThan(1e-12);
    expect(lossOf(objective, (level) => truth(level) + 0.5)).toBeCloseTo(0.25, 6);
  });

  it("is weighted by level: EDM's weight of x0's error is 1 on its own output", () => {
    const weighting = weightingFor(edmWeight(0.5), { from: "sample", to: "edm" });
    const objective = predictionObjective({ prediction: "edm", sigmaData: 0.5 }, weighting);
    const plain = predictionObjective({ prediction: "edm", sigmaData: 0.5 });
    expect(lossOf(objective, () => 0)).toBeCloseTo(
      lossOf(plain, () => 0),
      5,
    );
  });
});

describe("a denoising stage", () => {
  it("feeds its loss the levels of the times that it draws, and what scales the input", () => {
    const reading: NetworkOptions = { prediction: "edm", sigmaData: 0.5, inputScale: edmInputScale(0.5) };
    const [update] = stageOf(reading).updates as [StageUpdate];
    const batch = { images: NDArray.zeros([6, 2, 1, 1]) };
    const feeds = update.draw(batch, new Streams(3), {}) as Record<string, NDArray>;
    expect(Object.keys(feeds).sort()).toEqual(
      ["x", "t", "eps", "alpha", "sigma", "scale", "ofX0", "ofEps", "weight"].sort(),
    );
    for (let i = 0; i < 6; i++) {
      const level = process.level((feeds.t?.data[i] as number) / 1000);
      expect(feeds.alpha?.data[i]).toBeCloseTo(level.alpha, 5);
      expect(feeds.scale?.data[i]).toBeCloseTo(edmInputScale(0.5)(level), 5);
    }
  });

  it.each<NetworkOptions>([
    { prediction: "flow_prediction" },
    { prediction: "v_prediction" },
    { prediction: "edm", sigmaData: 0.5, inputScale: edmInputScale(0.5) },
  ])("leads noise to the data of a network that knows them, whatever it predicts: %o", async (reading) => {
    const truth = [0.7, -0.4];
    const stage = stageOf(reading);
    const sampling = {
      sampler: samplerSchema.parse({ kind: "euler", steps: 20 }),
      guidance: 1,
      rescale: 0,
    };
    let x = NDArray.zeros([0]);
    for await (const frame of stage.generate(
      { seed: 1, count: 2, sampling },
      async (_, { x: seen, t }) => {
        const level = process.level(((t as NDArray).data[0] as number) / 1000);
        const { ofX0, ofEps } = predictions[reading.prediction ?? "epsilon"](level, reading.sigmaData);
        const scale = reading.inputScale?.(level) ?? 1;
        const output = (seen as NDArray).div(scale).data.map((value, i) => {
          const x0 = truth[i % 2] as number;
          return ofX0 * x0 + (ofEps * (value - level.alpha * x0)) / level.sigma;
        });
        return { output: new NDArray(output as Float32Array, [2, 2, 1, 1]) };
      },
      {},
    ))
      x = frame.x;
    for (let i = 0; i < 4; i++) expect(x.data[i]).toBeCloseTo(truth[i % 2] as number, 4);
  });
});

describe("the network of a denoising system", () => {
  it("is a U-Net unless another kind is said, and is saved as it was written", () => {
    const unet = denoisingNetworkSchema.parse({ block_out_channels: [8] });
    expect(unet).not.toHaveProperty("kind");
    expect(denoisingNetworkSchema.parse({ kind: "unet", block_out_channels: [8] })).toEqual({
      ...unet,
      kind: "unet",
    });
    expect(denoisingNetworkSchema.parse({ kind: "mlp" })).toEqual({
      kind: "mlp",
      width: 128,
      layers: 3,
      dropout: 0,
    });
    expect(denoisingNetworkSchema.safeParse({ kind: "mlp", block_out_channels: [8] }).success).toBe(false);
    expect(denoisingNetworkSchema.safeParse({ kind: "transformer" }).success).toBe(false);
  });

  it("has twice the channels where it learns the variance", () => {
    const plain = parameterCount(stageOf({}).networks);
    expect(parameterCount(stageOf({ learnsVariance: true }).networks) - plain).toBe(2 * 8 + 2);
  });

  it("is of a kind that is for the data", () => {
    const build = (network: object, image: [number, number, number], form: "pictures" | "points") => () =>
      denoisingStage(
        {
          name: "test",
          process,
          reading: {},
          objective: predictionObjective({}),
          times: () => [],
          heldOut: [],
        },
        {
          config: { ...config, network: denoisingNetworkSchema.parse(network) },
          data: { form, image, classes: null },
          seed: 0,
        },
      );
    expect(build({ kind: "mlp" }, [1, 16, 16], "pictures")).toThrow(
      /expected an mlp for points or bits, got images of 16×16/,
    );
    expect(build({ block_out_channels: [8], norm_num_groups: 4 }, [2, 1, 1], "points")).toThrow(
      /expected a network for points, got a U-Net/,
    );
  });
});

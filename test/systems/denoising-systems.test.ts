import { describe, expect, it } from "vitest";
import { NDArray, Streams } from "../../src/base/index.ts";
import { likelihoodWeighting, noiseProcesses } from "../../src/diffusion/index.ts";
import {
  checkerboardEdm,
  digitsEdm,
  eightGaussiansRectifiedFlow,
  moonsNcsn,
  swissRollSubVp,
  swissRollVe,
  swissRollVp,
} from "../../src/recipes/index.ts";
import { parseRecipe, type Recipe, type RecipeInput, stagesOf } from "../../src/systems/index.ts";
import type { Stage, StageUpdate } from "../../src/train/index.ts";

const points = { form: "points", image: [2, 1, 1], classes: null } as const;
const stageOf = (input: RecipeInput, config: object = {}): Stage => {
  const recipe = parseRecipe<unknown>({ ...input, config: { ...input.config, ...config } }, "test") as Recipe;
  return stagesOf(recipe, points)[0] as Stage;
};
const drawn = async (stage: Stage, n = 4000) => {
  const batch = { images: NDArray.zeros([n, 2, 1, 1]) };
  return (await (stage.updates[0] as StageUpdate).draw(batch, new Streams(1), {})) as Record<string, NDArray>;
};
const valuesOf = (array: NDArray | undefined): number[] => [...(array?.data ?? [])];
const moments = (values: readonly number[]) => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, deviation: Math.sqrt(variance) };
};

describe("levels of training", () => {
  it("of EDM have a normal ln σ, which the network is told a quarter of", async () => {
    const { sigma, t } = await drawn(stageOf(checkerboardEdm));
    const logs = valuesOf(sigma).map(Math.log);
    const { mean, deviation } = moments(logs);
    expect(Math.abs(mean + 1.2)).toBeLessThan((4 * 1.2) / Math.sqrt(4000)); // four standard errors
    expect(Math.abs(deviation - 1.2)).toBeLessThan((4 * 1.2) / Math.sqrt(8000));
    for (const [i, told] of valuesOf(t).entries()) expect(told).toBeCloseTo((logs[i] as number) / 4, 5);
  });

  it("of EDM stay between the ends that sampling has", async () => {
    const { sigma } = await drawn(stageOf(checkerboardEdm, { sigmaMin: 0.2, sigmaMax: 1 }));
    expect(Math.min(...valuesOf(sigma))).toBeCloseTo(0.2, 6);
    expect(Math.max(...valuesOf(sigma))).toBeCloseTo(1, 6);
  });

  it("of NCSN are its geometric scales, all alike often", async () => {
    const { sigma } = await drawn(stageOf(moonsNcsn, { levels: 4, sigmaMin: 0.1, sigmaMax: 2.7 }));
    const counts = new Map<string, number>();
    for (const value of valuesOf(sigma))
      counts.set(value.toFixed(3), (counts.get(value.toFixed(3)) ?? 0) + 1);
    expect([...counts.keys()].sort()).toEqual(["0.100", "0.300", "0.900", "2.700"]);
    for (const count of counts.values())
      expect(Math.abs(count / 4000 - 0.25)).toBeLessThan(4 * Math.sqrt((0.25 * 0.75) / 4000));
  });

  it("of a flow are all alike, or nearer the middle", async () => {
    const even = moments(valuesOf((await drawn(stageOf(eightGaussiansRectifiedFlow))).sigma));
    expect(Math.abs(even.deviation - Math.sqrt(1 / 12))).toBeLessThan(0.01);
    const logit = { times: { kind: "logit_normal", deviation: 0.5 } };
    const logits = valuesOf((await drawn(stageOf(eightGaussiansRectifiedFlow, logit))).sigma).map((t) =>
      Math.log(t / (1 - t)),
    );
    expect(Math.abs(moments(logits).deviation - 0.5)).toBeLessThan((4 * 0.5) / Math.sqrt(8000));
  });

  it.each([
    ["vp", swissRollVp, 0.05, noiseProcesses.vp()],
    ["sub_vp", swissRollSubVp, 0.1, noiseProcesses.sub_vp({ clean: swissRollSubVp.config.sde.clean })],
    ["ve", swissRollVe, 0.4, noiseProcesses.ve()],
  ] as const)(
    "of a score SDE, %s, are as frequent as g² / 2σ² is large where the likelihood weighs them",
    async (_, recipe, until, process) => {
      const sigma = valuesOf((await drawn(stageOf(recipe, { weighting: "likelihood" }))).sigma);
      const [clean, noisy] = process.span;
      const weight = likelihoodWeighting(process);
      // By the midpoint rule in ln t, as the weight is like 1 / t near data.
      const integral = (to: number, parts = 20_000): number => {
        const [a, b] = [Math.log(clean || 1e-9), Math.log(to)];
        const at = (i: number) => Math.exp(a + ((i + 0.5) / parts) * (b - a));
        return Array.from({ length: parts }, (_, i) => at(i) * weight(process.level(at(i)))).reduce(
          (sum, value) => sum + (value * (b - a)) / parts,
          0,
        );
      };
      const expected = integral(until) / integral(noisy);
      const share = sigma.filter((value) => value < process.level(until).sigma).length / sigma.length;
      expect(Math.abs(share - expected)).toBeLessThan(4 * Math.sqrt(0.25 / sigma.length));
    },
  );
});

describe("what does not fit is refused", () => {
  it.each([checkerboardEdm, moonsNcsn])("noise that does not rise: $name", (input) => {
    expect(() => stageOf(input, { sigmaMin: 3, sigmaMax: 3 })).toThrow(
      /config.sigmaMax: expected more than sigmaMin, 3/,
    );
  });

  it("an SDE without a name, and fields of another", () => {
    expect(() =>
      parseRecipe({ ...swissRollVp, config: { ...swissRollVp.config, sde: { kind: "vq" } } }, "mine"),
    ).toThrow(/sde/);
    const sde = { kind: "vp", sigmaMax: 5 };
    expect(() => parseRecipe({ ...swissRollVp, config: { ...swissRollVp.config, sde } }, "mine")).toThrow(
      /sigmaMax/,
    );
  });

  it("Fourier features of a process with a level of noise alone; of others they take σ / α", async () => {
    const network = { ...digitsEdm.config.network, time_embedding_type: "fourier" };
    const pictures = { form: "pictures", image: [1, 16, 16], classes: null } as const;
    const build = (input: RecipeInput) =>
      stagesOf(
        parseRecipe<unknown>({ ...input, config: { ...input.config, network } }, "test") as Recipe,
        pictures,
      );
    expect(() => build(eightGaussiansRectifiedFlow)).toThrow(
      /time_embedding_type: expected one for a process with levels of noise/,
    );
    const [stage] = build(swissRollVp);
    const update = stage?.updates[0] as StageUpdate;
    const feeds = (await update.draw(
      { images: NDArray.zeros([5, 1, 16, 16]) },
      new Streams(1),
      {},
    )) as Record<string, NDArray>;
    valuesOf(feeds.t).forEach((told, i) => {
      const ratio = (feeds.sigma?.data[i] as number) / (feeds.alpha?.data[i] as number);
      expect(told / ratio).toBeCloseTo(1, 4);
    });
  });
});

import { expect, it } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { noiseProcesses } from "../../src/diffusion/index.ts";
import { guidedDenoiser, guidedSamplingSchema } from "../../src/systems/guided-sampling.ts";

it("guidance sees the scaled input twice, and steers the same whatever the scale", async () => {
  const level = noiseProcesses.edm().level(2);
  const sampling = guidedSamplingSchema({ kind: "ddim" }).parse({ guidance: 3 });
  const x = NDArray.of([1, -2], [2, 1, 1, 1]);
  const denoised = async (inputScale?: () => number) => {
    const seen: number[][] = [];
    const denoiser = guidedDenoiser(
      { seed: 0, count: 2, labels: [0, 1], sampling },
      {
        labels: { embeddings: 4, none: 3, drop: (batch) => batch },
        reading: { prediction: "sample", ...(inputScale && { inputScale }) },
        async run(input, _, classes) {
          seen.push([...input.data]);
          return NDArray.of([...classes], [4, 1, 1, 1]);
        },
      },
    );
    return { x0: [...(await denoiser(x, level)).x0.data], seen };
  };
  const scaled = await denoised(() => 0.25);
  expect(scaled.seen).toEqual([[0.25, -0.5, 0.25, -0.5]]);
  expect(scaled.x0).toEqual([3 + 3 * (0 - 3), 3 + 3 * (1 - 3)]);
  expect((await denoised()).x0).toEqual(scaled.x0);
});

import { describe, expect, it } from "vitest";
import { Generator, imageGenerators, NDArray } from "../../src/base/index.ts";
import { diffusionProcess, type Level, qSample, scheduleSchema } from "../../src/diffusion/index.ts";
import { beginLatents } from "../../src/pipelines/latent-start.ts";

const process = diffusionProcess(scheduleSchema.parse({ beta_schedule: "scaled_linear" }));
const levels: readonly Level[] = [
  ...[900, 600, 300, 0].map((t) => process.level(t)),
  { t: -1, alpha: 1, sigma: 0 },
];
const shape = [2, 3, 4];
const latents = new Generator(9).normal([2, ...shape]);
const mask = NDArray.of(
  Array.from({ length: 12 }, (_, i) => (i < 6 ? 1 : 0)),
  [1, 1, 3, 4],
);
const deviation = ({ sigma }: Level) => 0.5 * sigma;
const options = () => ({ levels, generators: imageGenerators(5, 2), shape, deviation });
const drawn = () => NDArray.stack(imageGenerators(5, 2).map((each) => each.normal(shape)));

describe("latents begin", () => {
  it("as noise of the scheduler's deviation, each from its own seed", () => {
    const { x, begin } = beginLatents({ kind: "noise" }, options());
    expect(x.data).toEqual(drawn().mul(deviation(levels[0] as Level)).data);
    expect(begin).toBeUndefined();
  });

  it("as a picture's, noised to the level where so much of the path is left", () => {
    const { x, begin } = beginLatents({ kind: "image", latents, strength: 0.5 }, options());
    expect(begin).toBe(2);
    expect(x.data).toEqual(qSample(latents, drawn(), levels[2] as Level).data);
  });

  it("as noise alone where the whole path is left, so that nothing of a picture shines through", () => {
    const start = { kind: "known", latents, mask, strength: 1 } as const;
    expect(beginLatents(start, options()).x.data).toEqual(beginLatents({ kind: "noise" }, options()).x.data);
  });
});

describe("what a mask does not free", () => {
  const begun = beginLatents({ kind: "known", latents, mask, strength: 1 }, options());
  const x = NDArray.full([2, ...shape], 7);
  const project = (x: NDArray, level: Level): NDArray =>
    (begun.project as NonNullable<typeof begun.project>)(x, level);
  const isFree = (i: number) => i % 12 < 6;

  it("is left alone at the first level", () => {
    expect(project(x, levels[0] as Level)).toBe(x);
  });
  it("is the picture's with the same noise at each level between", () => {
    const level = levels[2] as Level;
    const known = qSample(latents, drawn(), level);
    const { data } = project(x, level);
    for (let i = 0; i < data.length; i++) expect(data[i]).toBe(isFree(i) ? 7 : known.data[i]);
  });
  it("is the picture's at the end, bit for bit", () => {
    const { data } = project(x, levels.at(-1) as Level);
    for (let i = 0; i < data.length; i++) expect(data[i]).toBe(isFree(i) ? 7 : latents.data[i]);
  });
});

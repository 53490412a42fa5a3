import { expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import {
  classifierFree,
  type Denoiser,
  epsToX0,
  guide,
  type Level,
  networkDenoiser,
} from "../../src/diffusion/index.ts";

const level: Level = { alpha: 0.6, sigma: 0.8, t: 10 };
const x = NDArray.of([1, -1]);
const [c, u] = [NDArray.of([1, 2]), NDArray.of([0.5, -1])];

const never: Denoiser = async () => expect.fail("evaluated");
const predicting = (eps: NDArray) => networkDenoiser(async () => eps);

test("the scale goes from unconditional at 0 over conditional at 1 to beyond it", () => {
  expect(guide(u, c, 0)).toEqual(u);
  expect(guide(u, c, 1)).toEqual(c);
  expect([...guide(u, c, 3).data]).toEqual([2, 8]);
});

test("scale 1 evaluates the conditional denoiser alone, scale 0 the other", async () => {
  expect((await classifierFree(predicting(c), never, 1)(x, level)).eps).toEqual(c);
  expect((await classifierFree(never, predicting(u), 0)(x, level)).eps).toEqual(u);
});

test("guiding x0 is guiding eps", async () => {
  const { x0, eps } = await classifierFree(predicting(c), predicting(u), 2.5)(x, level);
  const guided = guide(u, c, 2.5);
  expect(eps).toEqual(guided);
  for (const [i, value] of epsToX0(x, guided, level).data.entries()) expect(x0.data[i]).toBeCloseTo(value, 5); // float32 estimates, moved 2.5 times apart
});

test("without the network's own eps there is none to guide", async () => {
  const bare: Denoiser = async (x) => ({ x0: x });
  expect(await classifierFree(bare, predicting(u), 2)(x, level)).not.toHaveProperty("eps");
});

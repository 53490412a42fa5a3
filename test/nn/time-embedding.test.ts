import { describe, expect, it } from "vitest";
import { Generator } from "../../src/base/index.ts";
import { buffers, fourierFeatures, loadState, sinusoids, stateOf } from "../../src/nn/index.ts";
import type { Tensor } from "../../src/tensor/index.ts";
import { distance, evaluate, fixture, toArray } from "./fixture.ts";

/** Normals differ by 3e-7 of what libm and SIMD round; the scale multiplies it. */
const NORMAL_ROUNDING = 3e-7;
/** Angles to a thousand radians carry 6e-5 of float32 rounding into the wave. */
const ANGLE_ROUNDING = 1.3e-4;

interface Case {
  readonly options: {
    readonly embedding_dim: number;
    readonly flip_sin_to_cos?: boolean;
    readonly downscale_freq_shift?: number;
  };
  readonly y: Parameters<typeof toArray>[0];
}

describe("sinusoids", () => {
  const { timesteps } = fixture.timestepEmbedding;
  // No network here sets `scale` or `max_period`.
  const cases = fixture.timestepEmbedding.cases.filter(
    ({ options }: { options: object }) => !("scale" in options || "max_period" in options),
  );
  it.each(cases as readonly Case[])("agree with diffusers: $options", async ({ options, y }) => {
    const { embedding_dim, flip_sin_to_cos = false, downscale_freq_shift = 1 } = options;
    const got = await evaluate({ t: toArray(timesteps) }, ({ t }) =>
      sinusoids(t as Tensor, embedding_dim, {
        flip: flip_sin_to_cos,
        shift: downscale_freq_shift,
      }),
    );
    expect(distance(got, toArray(y))).toBeLessThan(ANGLE_ROUNDING);
  });
});

describe("fourierFeatures", () => {
  it("start as diffusers' of their seed", () => {
    const { options, weight } = fixture.gaussianFourierProjection.cases[0];
    const layer = fourierFeatures(new Generator(fixture.seed + 2), options.embedding_size, options.scale);
    expect(distance(layer.weight.value, toArray(weight))).toBeLessThan(NORMAL_ROUNDING * options.scale);
  });

  it("agree with diffusers on the logarithm of the level", async () => {
    const { levels, cases } = fixture.gaussianFourierProjection;
    const { options, weight, y } = cases[0];
    const layer = fourierFeatures(new Generator(0), options.embedding_size, options.scale);
    loadState(layer, new Map([["weight", toArray(weight)]]));
    const forward = (feeds: { readonly [name: string]: Tensor }) => layer.forward(feeds.t as Tensor);
    const got = await evaluate({ t: toArray(levels) }, forward, buffers(layer), stateOf(layer));
    expect(distance(got, toArray(y))).toBeLessThan(ANGLE_ROUNDING);
  });
});

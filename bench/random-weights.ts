import { Generator, NDArray, sizeOf } from "../src/base/index.ts";
import { parameters } from "../src/nn/index.ts";

const pool = new Generator(0).symmetric([1 << 20], Math.sqrt(3)).data;

/** Uniform in ±√3/√fan_in, drawn once and laid over all layers from places of their own; scales of norms are 1. */
export const randomWeights = (module: object): Map<string, NDArray> =>
  new Map(
    [...parameters(module)].map(([name, { shape }], k): [string, NDArray] => {
      const spread = shape.length === 1 ? 0.05 : 1 / Math.sqrt(sizeOf(shape.slice(1)));
      const shift = shape.length === 1 && name.includes("norm") && name.endsWith("weight") ? 1 : 0;
      const data = new Float32Array(sizeOf(shape));
      for (let i = 0; i < data.length; i++)
        data[i] = shift + spread * (pool[(i + 7919 * k) & (pool.length - 1)] as number);
      return [name, new NDArray(data, shape)];
    }),
  );

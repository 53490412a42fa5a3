import { NDArray } from "../../src/base/index.ts";
import { stateOf } from "../../src/nn/index.ts";

/**
 * What `spread` of tools/reference/unet2d_condition.py does to drawn weights: normalisations off 1 and 0, where one that
 * is missing or swapped would not show, and attention far from uniform.
 */
export const spread = (module: object): Map<string, NDArray> =>
  new Map(
    [...stateOf(module)].map(([name, value]) => {
      if (/to_[qk]\./.test(name)) return [name, value.mul(4)];
      if (!name.split(".").at(-2)?.includes("norm")) return [name, value];
      const place = (i: number) => i + name.length;
      const wave = name.endsWith("weight")
        ? (i: number) => 1 + 0.3 * Math.sin(place(i))
        : (i: number) => 0.2 * Math.cos(place(i));
      return [
        name,
        NDArray.of(
          Array.from(value.data, (_, i) => wave(i)),
          value.shape,
        ),
      ];
    }),
  );

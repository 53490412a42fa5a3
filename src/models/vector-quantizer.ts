import { type Generator, NDArray, ShapeError, showShape } from "../base/index.ts";
import {
  cast,
  constant,
  equal,
  gather,
  Parameter,
  type Tensor,
  transposeLast,
  where,
} from "../tensor/index.ts";

/**
 * A codebook of `count` entries of `width` channels (van den Oord et al. 2017, section 3), with the names of diffusers'
 * `VectorQuantizer`. `nearest` takes latents [n, width, h, w] to the numbers int32 [n, h, w] of the entries nearest to
 * each, the first of equally near ones; `entries` takes numbers to [n, width, h, w]. The distances of all latents to all
 * entries are held at once: n · h · w · count numbers.
 */
export const vectorQuantizer = (random: Generator, count: number, width: number) => {
  const embedding = { weight: new Parameter(random.symmetric([count, width], 1 / count)) };
  const places = constant(NDArray.of(Array.from({ length: count }, (_, i) => -i)));
  const last = constant(NDArray.of([1 - count]));
  return {
    embedding,
    nearest(latents: Tensor): Tensor {
      const [n, , h, w] = latents.shape as [number, number, number, number];
      const rows = latents.transpose([0, 2, 3, 1]).reshape([n * h * w, width]);
      // |z − e|² = |z|² − 2 (z · e − |e|² / 2), least where what is in parentheses is most.
      const { weight } = embedding;
      const halves = weight.mul(weight).sum([1]).div(2);
      const nearness = rows.matmul(transposeLast(weight)).sub(halves);
      const most = nearness.max([1], true);
      const first = where(equal(nearness, most), places, last).max([1]);
      return cast(first.neg(), "int32").reshape([n, h, w]);
    },
    entries(numbers: Tensor): Tensor {
      const { shape, dtype } = numbers;
      if (shape.length !== 3 || dtype !== "int32")
        throw new ShapeError({
          who: "vectorQuantizer",
          expected: "numbers of entries, int32[n, h, w]",
          got: `${dtype}${showShape(shape)}`,
        });
      const [n, h, w] = shape as readonly [number, number, number];
      const rows = gather(embedding.weight, numbers.reshape([n * h * w]));
      return rows.reshape([n, h, w, width]).transpose([0, 3, 1, 2]);
    },
  };
};

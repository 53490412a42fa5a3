import { ShapeError, showShape } from "../base/index.ts";
import type { Tensor } from "../tensor/index.ts";

/** What an autoencoder takes: channels, and what sides are multiples of. */
interface Wanted {
  readonly who: string;
  readonly channels: number;
  readonly multiple: number;
}

/** @throws ShapeError for anything but [n, channels, h, w] with sides that divide */
export const requireImage = ({ shape }: Tensor, { who, channels, multiple }: Wanted): void => {
  const [, c, h = 0, w = 0] = shape;
  if (shape.length === 4 && c === channels && h % multiple === 0 && w % multiple === 0) return;
  throw new ShapeError({
    who,
    expected: `[n, ${channels}, h, w]${multiple > 1 ? ` with h and w divisible by ${multiple}` : ""}`,
    got: showShape(shape),
  });
};

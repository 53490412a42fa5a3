import { Generator, NDArray, type Shape } from "../base/index.ts";

/** Draws nothing: all zeros, in memory that the machine hands out when it is first written. */
class Blank extends Generator {
  override uniform(shape: Shape): NDArray {
    return NDArray.zeros(shape);
  }
  override symmetric(shape: Shape): NDArray {
    return NDArray.zeros(shape);
  }
  override normal(shape: Shape): NDArray {
    return NDArray.zeros(shape);
  }
}

/** In place of a random generator, for networks whose weights are loaded: none are drawn. */
export const blank: Generator = new Blank(0);

import { ArgumentError, type NDArray, NonFiniteError, ShapeError, showShape } from "../base/index.ts";

/** Rows of features, float32 [n, d], one an image. @throws ShapeError, NonFiniteError, ArgumentError for fewer than two */
export const checkFeatures = (who: string, features: NDArray): readonly [n: number, d: number] => {
  const [n = 0, d = 0] = features.shape;
  if (features.shape.length !== 2 || features.dtype !== "float32")
    throw new ShapeError({
      who,
      expected: "float32 features [n, d]",
      got: `${features.dtype}${showShape(features.shape)}`,
    });
  if (n < 2) throw new ArgumentError({ who, expected: "at least two images", got: String(n) });
  if (!features.isFinite()) {
    const at = features.data.findIndex((value) => !Number.isFinite(value));
    throw new NonFiniteError({
      who,
      expected: "finite features",
      got: `${features.data[at]} of image ${Math.floor(at / d)}`,
      hint: "does the network take other images than these?",
    });
  }
  return [n, d];
};

/** Two sets of features of one network. @throws as {@link checkFeatures}, and ShapeError where their widths differ */
export const checkPair = (who: string, samples: NDArray, reference: NDArray): void => {
  const [, d] = checkFeatures(`${who} of samples`, samples);
  const [, e] = checkFeatures(`${who} of the reference`, reference);
  if (d !== e)
    throw new ShapeError({
      who,
      expected: `features of one network, ${e} an image`,
      got: `${d} an image of the samples`,
    });
};

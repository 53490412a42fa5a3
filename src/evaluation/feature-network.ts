import { ArgumentError, NDArray, NonFiniteError, type Shape, ShapeError, showShape } from "../base/index.ts";
import { toUnit } from "../data/index.ts";
import { type Backend, type Compiled, compile, deviceOf, inferTarget } from "../runtime/index.ts";
import { type Tensor, trace } from "../tensor/index.ts";

/** What is recorded with every number that a network has a part in. */
export interface NetworkFacts {
  /** What distances over its features are called after. */
  readonly name: string;
  /** SHA-256 of its file. */
  readonly fingerprint: string;
  /** How uint8 images become its input. */
  readonly preprocessing: string;
  /** Whether it is the network of FID and KID, which are the names of the distances then. */
  readonly standard: boolean;
  /** Features of an image. */
  readonly width: number;
  /** What it tells apart. */
  readonly classes: readonly string[] | null;
}

/** What a network says of images. */
export interface Extracted {
  /** float32 [n, width] */
  readonly features: NDArray;
  /** Indices of the likeliest classes, [n], of a network that knows classes. */
  readonly read: Int32Array | null;
}

export interface ExtractOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told how many images are done. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** A network whose features images are compared by. Close it to end its worker. */
export interface FeatureNetwork extends NetworkFacts {
  /** @throws ShapeError where it does not take images of this shape, [c, h, w] */
  check(image: Shape): void;
  /**
   * Features of images uint8 [n, c, h, w], each as if alone.
   * @throws ShapeError for images that it does not take
   */
  extract(images: NDArray, options?: ExtractOptions): Promise<Extracted>;
  close(): Promise<void>;
}

export interface NetworkOptions {
  readonly threads?: number | undefined;
  readonly backend?: Backend | undefined;
}

/** The traced part of a network. */
export interface NetworkGraph {
  /** Images [n, c, h, w] in [-1, 1] to features [n, width], and to logits [n, classes] of one that knows classes. */
  readonly forward: (images: Tensor) => { readonly features: Tensor; readonly logits?: Tensor };
  readonly leaves: ReadonlyMap<string, Tensor<"input">>;
  readonly weights: ReadonlyMap<string, NDArray>;
  /** Images at once. */
  readonly batch: number;
  /** What images of this shape [c, h, w] should be instead; null where they are right. */
  readonly fault: (image: Shape) => string | null;
}

/** A network that is compiled when it first sees images, for their size. */
export const featureNetwork = (
  facts: NetworkFacts,
  graph: NetworkGraph,
  { threads, backend }: NetworkOptions = {},
): FeatureNetwork => {
  const compiled = new Map<string, Promise<Compiled>>();
  const compiledFor = (batch: number, image: Shape): Promise<Compiled> => {
    const shape = [batch, ...image];
    const traced = () =>
      trace({ images: { shape } }, ({ images }) => ({ ...graph.forward(images) }), graph.leaves);
    const place = { target: inferTarget(backend), device: deviceOf(backend), ...(threads && { threads }) };
    const options = { weights: graph.weights, ...place };
    const run = compiled.get(showShape(shape)) ?? compile(traced(), options);
    compiled.set(showShape(shape), run);
    return run;
  };
  const check = (image: Shape): void => {
    const expected = graph.fault(image);
    if (expected === null) return;
    throw new ShapeError({
      who: facts.name,
      expected,
      got: image.join("×"),
      hint: "features compare images of one size by a network that takes them; is it one for other images?",
    });
  };
  return {
    ...facts,
    check,
    async extract(images, { signal, onProgress } = {}) {
      const [n = 0, ...image] = images.shape;
      checkImages(facts.name, images);
      check(image);
      const batch = Math.min(n, graph.batch);
      const run = await compiledFor(batch, image);
      const features = new Float32Array(n * facts.width);
      const read = facts.classes ? new Int32Array(n) : null;
      for (let start = 0; start < n; start += batch) {
        signal?.throwIfAborted();
        const count = Math.min(batch, n - start);
        const found = await run({ images: filled(toUnit(images.rows(start, start + count)), batch) });
        const rows = (found.features as NDArray).rows(0, count);
        if (!rows.isFinite())
          throw new NonFiniteError({ who: facts.name, expected: "finite features", got: "NaN or infinity" });
        features.set(rows.data, start * facts.width);
        read?.set(likeliest(found.logits as NDArray).subarray(0, count), start);
        onProgress?.(start + count, n);
      }
      return { features: new NDArray(features, [n, facts.width]), read };
    },
    async close() {
      for (const run of compiled.values()) await (await run).close();
    },
  };
};

const checkImages = (who: string, images: NDArray): void => {
  if (images.dtype !== "uint8" || images.shape.length !== 4)
    throw new ShapeError({
      who,
      expected: "uint8 images [n, c, h, w]",
      got: `${images.dtype}${showShape(images.shape)}`,
    });
  if (images.shape[0] === 0) throw new ArgumentError({ who, expected: "at least one image", got: "none" });
};

/** A whole batch: the last image stands in for those that are missing. */
const filled = (images: NDArray, batch: number): NDArray => {
  const [n = 0] = images.shape;
  if (n === batch) return images;
  const last = images.rows(n - 1, n);
  return NDArray.concat([images, ...Array.from({ length: batch - n }, () => last)]);
};

/** The index of the largest of each row. */
const likeliest = ({ data, shape: [n = 0, classes = 0] }: NDArray): Int32Array =>
  Int32Array.from({ length: n }, (_, i) => {
    let best = 0;
    for (let k = 1; k < classes; k++)
      if ((data[i * classes + k] as number) > (data[i * classes + best] as number)) best = k;
    return best;
  });

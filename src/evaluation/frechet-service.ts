import { NDArray, type PlainArray } from "../base/index.ts";
import { Remote, workerModule } from "../runtime/index.ts";
import { checkPair } from "./features.ts";
import { frechetFrom, gaussianOf } from "./frechet.ts";

/** Features of both sets. */
export interface FrechetInit {
  readonly samples: PlainArray;
  readonly reference: PlainArray;
}

/** Fréchet distances between one reference and samples that count differently often. */
export interface FrechetService {
  /** Sample i counts `counts[i]` times, once unless told. */
  distance(counts?: Uint16Array): Promise<number>;
}

/** The service, where it works: it decomposes the reference's covariance once, when it is first asked. */
export const openFrechetService = async ({ samples, reference }: FrechetInit): Promise<FrechetService> => {
  const rows = NDArray.from(samples);
  let distanceOf: ReturnType<typeof frechetFrom> | undefined;
  return {
    async distance(counts) {
      distanceOf ??= frechetFrom(gaussianOf(NDArray.from(reference)));
      return distanceOf(gaussianOf(rows, counts));
    },
  };
};

/**
 * Works with a service in a worker, since thousands of features take minutes during which nothing else would run.
 * @throws the signal's reason once it is aborted
 */
export const withFrechetService = async <T>(
  samples: NDArray,
  reference: NDArray,
  work: (service: FrechetService) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> => {
  checkPair("frechet", samples, reference);
  const plain = ({ data, shape, dtype }: NDArray): PlainArray => ({ data, shape, dtype });
  const init: FrechetInit = { samples: plain(samples), reference: plain(reference) };
  const remote = await Remote.open<FrechetService>(workerModule("frechet-worker", import.meta.url), init);
  const end = () => void remote.terminate();
  signal?.addEventListener("abort", end);
  try {
    signal?.throwIfAborted();
    return await work({ distance: (counts) => remote.call("distance", counts) });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", end);
    await remote.terminate();
  }
};

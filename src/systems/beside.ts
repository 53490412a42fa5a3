import type { NDArray, Streams } from "../base/index.ts";
import type { Named, Spec } from "../tensor/index.ts";
import type { Batch, Earlier, Frame, GenerateRequest } from "../train/index.ts";
import type { DenoisingNetwork } from "./denoising-network.ts";

/** What a network is shown beside x, time and class; S is how its system samples. */
export interface Beside<S> {
  /** Which sees it among the feeds of its programs; takes `classes` rows of classes, null for none. */
  readonly network: (classes: number | null) => DenoisingNetwork;
  readonly inputs: (n: number) => Readonly<Record<string, Spec>>;
  /** Of a batch of training. */
  readonly training: (batch: Batch, random: Streams) => Named<NDArray>;
  /** Of samples to make, after the frames, if any, of what makes it; `steps` more are to follow. */
  readonly sampling: (
    request: GenerateRequest<S>,
    earlier: Earlier,
    steps: number,
  ) => AsyncGenerator<Frame, Shown>;
}

/** What a network is shown when it makes samples. */
export interface Shown {
  readonly feeds: Named<NDArray>;
  /** How many frames its making had. */
  readonly frames: number;
}

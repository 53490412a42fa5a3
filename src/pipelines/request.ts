import type { Guidance } from "../diffusion/index.ts";
import type { Scheduling } from "./scheduling.ts";
import type { Source } from "./source.ts";

/** Pictures to make; what is left out is as the model's pipeline in Python has it. */
export interface PictureRequest {
  readonly prompt?: string | undefined;
  /** What to lead away from, in place of nothing. */
  readonly negative?: string | undefined;
  /** Of the pictures in pixels, multiples of what a latent stands for; the model's own when absent. */
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  /** Picture k is that of seed + k alone. */
  readonly seed?: number;
  readonly count?: number;
  readonly steps?: number | undefined;
  /** In place of the model's scheduler. */
  readonly scheduling?: Scheduling | undefined;
  readonly guidance?: number | undefined;
  readonly rescale?: Guidance["rescale"];
  readonly interval?: Guidance["interval"];
  /** Layers of the text encoder that are left out at its end. */
  readonly clipSkip?: number | undefined;
  readonly source?: Source | undefined;
  readonly signal?: AbortSignal | undefined;
}

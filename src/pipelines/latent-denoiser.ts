import { NDArray } from "../base/index.ts";
import {
  type Denoiser,
  type Guidance,
  guideOutputs,
  type NetworkOptions,
  networkDenoiser,
} from "../diffusion/index.ts";
import { type Conditions, concatChannels, joined } from "./conditions.ts";

export interface LatentDenoiserParts {
  /** The network: x and what is told beside it, [n, …] each, to its output. */
  readonly run: (feeds: Conditions) => Promise<NDArray>;
  /** What its output means. */
  readonly reading: NetworkOptions;
  /** What the pictures are to be of. */
  readonly wanted: Conditions;
  /** What they are led away from; null where nothing guides. */
  readonly others: Conditions | null;
  /** Channels that the network sees beside x, [n, c, h, w]: a mask, a picture. */
  readonly beside?: NDArray | undefined;
  readonly guidance: Guidance;
}

/**
 * A network of published checkpoints as a denoiser, guided in what it says itself, be that eps or v, as diffusers'
 * pipelines do (Ho and Salimans 2022, eq. 6; Lin et al. 2024, eq. 15 and 16). Both estimates are one doubled batch.
 */
export const latentDenoiser = ({
  run,
  reading,
  wanted,
  others,
  beside,
  guidance,
}: LatentDenoiserParts): Denoiser => {
  const output = (x: NDArray, t: number, conditions: readonly Conditions[]): Promise<NDArray> => {
    const seen = beside ? concatChannels([x, beside]) : x;
    const sample = NDArray.concat(conditions.map(() => seen));
    const timestep = NDArray.full([sample.shape[0] as number], t);
    return run({ sample, timestep, ...joined(conditions) });
  };
  return (x, level) => {
    const n = x.shape[0] as number;
    const network = async (seen: NDArray, t: number): Promise<NDArray> => {
      const { scale, interval } = guidance;
      const [least, most] = interval ?? [0, Infinity];
      const noise = level.sigma / level.alpha;
      if (others === null || scale === 1 || noise < least || noise > most) return output(seen, t, [wanted]);
      if (scale === 0) return output(seen, t, [others]);
      const both = await output(seen, t, [others, wanted]);
      return guideOutputs(both.rows(0, n), both.rows(n, 2 * n), guidance);
    };
    return networkDenoiser(network, reading)(x, level);
  };
};

/**
 * The scale of guidance as waves, [1, width], for networks that were distilled from guided ones (Meng et al. 2023;
 * Luo et al. 2023, section 4.1; diffusers' `get_guidance_scale_embedding`).
 */
export const guidanceEmbedding = (scale: number, width: number): NDArray => {
  const half = Math.floor(width / 2);
  const angles = Array.from(
    { length: half },
    (_, i) => Math.fround(1000 * (scale - 1)) * Math.fround(Math.exp((-Math.log(10000) * i) / (half - 1))),
  );
  const waves = [...angles.map(Math.sin), ...angles.map(Math.cos), ...(width % 2 ? [0] : [])];
  return NDArray.of(waves, [1, width]);
};

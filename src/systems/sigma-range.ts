import { ArgumentError } from "../base/index.ts";

/** The least and the largest noise of a process whose variance explodes. */
export interface SigmaRange {
  readonly sigmaMin: number;
  readonly sigmaMax: number;
}

/** The same range. @throws ArgumentError unless it rises */
export const orderedSigmas = (range: SigmaRange): SigmaRange => {
  if (range.sigmaMin < range.sigmaMax) return range;
  throw new ArgumentError({
    who: "config.sigmaMax",
    expected: `more than sigmaMin, ${range.sigmaMin}`,
    got: String(range.sigmaMax),
  });
};

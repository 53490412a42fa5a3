import { NDArray } from "../base/index.ts";
import { type Level, type NoiseProcess, rungeKutta45, type Tolerances } from "../diffusion/index.ts";
import { euler } from "./euler.ts";
import { frames, slope } from "./frame.ts";
import type { Sampler } from "./sampler.ts";

const frame = frames.flow;

/**
 * The probability-flow ODE by an adaptive Runge–Kutta rule (Song et al. 2021, section 4.3): each step of the path is
 * solved to a tolerance, over the batch as a whole, in as many evaluations as it takes. The step to data is Euler's.
 */
export const rk45 = (process: NoiseProcess, tolerances: Tolerances = {}): Sampler<undefined> => ({
  name: "rk45",
  order: 5,
  evaluations: () => null,
  init: () => undefined,
  async step(args) {
    const { x, from, to, denoise, memory } = args;
    if (to.sigma === 0) return { ...(await euler({ frame: "flow" }).step(args)), memory };
    const ends = [frame.position(from), frame.position(to)] as const;
    const levelAt = (s: number): Level => {
      if (s === ends[0]) return from;
      return s === ends[1] ? to : process.levelAt(Math.log((1 - s) / s));
    };
    const stateOf = (y: Float64Array, level: Level): NDArray => {
      const scale = frame.scale(level);
      const out = new Float32Array(y.length);
      for (let i = 0; i < out.length; i++) out[i] = (y[i] as number) * scale;
      return new NDArray(out, x.shape);
    };
    let x0 = x;
    const derivative = async (y: Float64Array, s: number): Promise<Float64Array> => {
      const level = levelAt(s);
      const at = stateOf(y, level);
      const denoised = await denoise(at, level);
      x0 = denoised.x0;
      return new Float64Array(slope(frame, denoised, at, level).data);
    };
    const start = new Float64Array(x.data).map((value) => value / frame.scale(from));
    const y = await rungeKutta45(derivative, start, ends, tolerances);
    return { x: stateOf(y, to), denoised: x0, memory };
  },
});

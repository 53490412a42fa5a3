import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { type Level, networkDenoiser, noiseToSignal, qSample } from "../../src/diffusion/index.ts";
import { openSampler, readScheduler, sample, writeScheduler } from "../../src/samplers/index.ts";

/** A configuration that a seed chose, and what diffusers made of it. */
interface Drawn {
  readonly config: Readonly<Record<string, unknown>> & { readonly _class_name: string };
  readonly steps: number;
  readonly options: Readonly<Record<string, number>>;
  readonly begin: number;
  readonly timesteps: readonly number[];
  readonly first4: readonly number[];
  readonly last: number;
  readonly mean: number;
  readonly trace: readonly number[];
}

const { cases } = JSON.parse(
  readFileSync(new URL("../fixtures/scheduler-cases.json", import.meta.url), "utf8"),
) as { readonly cases: readonly Drawn[] };

const shape = [2, 3, 4, 4];
const filled = (value: (i: number) => number): NDArray =>
  NDArray.of(
    Array.from({ length: 96 }, (_, i) => value(i)),
    shape,
  );
const [start, noise] = [filled((i) => Math.sin(i + 1)), filled((i) => Math.cos(2 * i + 1))];

/** The fixture's model: [n, c, h, w], or twice the channels where it learns the variance. */
const modelOf = (learned: boolean) => async (x: NDArray, t: number) => {
  const said = x.mul(0.6 * Math.cos(t / 300)).add(0.1 * Math.sin(t / 100));
  if (!learned) return said;
  const variance = x.map((value) => 0.9 * Math.sin(3 * value));
  const images = [0, 1].flatMap((n) => [said.row(n), variance.row(n)]);
  return NDArray.concat(images).reshape([2, 6, 4, 4]);
};

/** Classes that keep samples as x / alpha. */
const byRatio = /^(Euler|Heun|LMS|KDPM2)/;
/** Classes that evaluate twice a step. */
const inPairs = /^(Heun|KDPM2|FlowMatchHeun)/;

const pathOf = ({ config, steps, options, timesteps }: Drawn) => {
  const scheduler = readScheduler(config, steps);
  const { levels, ...opened } = openSampler({ ...scheduler.sampler, ...options } as never, scheduler.process);
  const truncates = config.use_exponential_sigmas || config.use_beta_sigmas;
  const told = exponential.test(config._class_name) && truncates ? asTold(levels, timesteps) : levels;
  return { scheduler, levels: told, ...opened };
};

/** Classes that tell a respaced level as the whole timestep below it. */
const exponential = /^(DPM|DEIS|UniPC)/;

/** Levels told as the reference tells them: which timestep is below hangs on the last bit of a logarithm. */
const asTold = (levels: readonly Level[], timesteps: readonly number[]): Level[] =>
  levels.map((level, i) => {
    const t = timesteps[i] ?? level.t;
    expect(Math.abs(t - level.t)).toBeLessThanOrEqual(1);
    return { ...level, t };
  });

/** The reference's sample where its loop begins, as x. */
const startOf = ({ config, begin }: Drawn, levels: readonly Level[]): NDArray => {
  const from = levels[begin] as Level;
  if (begin > 0) return qSample(start, noise, from);
  if (config._class_name.startsWith("EDM")) return start.mul(Math.hypot(from.sigma, 1));
  if (!byRatio.test(config._class_name)) return start;
  const largest = noiseToSignal(from);
  const leading = config.timestep_spacing === "leading";
  return start.mul(from.alpha * (leading ? Math.hypot(largest, 1) : largest));
};

const run = async (drawn: Drawn): Promise<NDArray[]> => {
  const { scheduler, sampler, levels, limit } = pathOf(drawn);
  const { prediction, inputScale } = scheduler;
  const learnsVariance = String(drawn.config.variance_type).startsWith("learned");
  const network = networkDenoiser(modelOf(learnsVariance), {
    prediction,
    learnsVariance,
    ...(inputScale && { inputScale }),
  });
  const generator = new Generator(0);
  const path = levels.slice(drawn.begin);
  const ratio = byRatio.test(drawn.config._class_name);
  const states: NDArray[] = [];
  let k = 0;
  for await (const { x } of sample({
    denoiser: limit(network),
    sampler,
    levels: path,
    x: startOf(drawn, levels),
    noise: () => generator.normal(shape),
  })) {
    k += 1;
    states.push(ratio ? x.div((path[k] as Level).alpha) : x);
  }
  return states;
};

/**
 * The reference's float32 over a run: the test-maker keeps cases that it moves by at most 1e-5 where it can tell,
 * which leaves out the rounding of what is computed before the loop.
 */
const TOLERANCE = 5e-5;

describe.each(
  cases.map((drawn, i) => [`${i}: ${drawn.config._class_name}, ${drawn.steps} steps`, drawn] as const),
)("%s", (_, drawn) => {
  test("gives diffusers' figures", async () => {
    const states = await run(drawn);
    const { trace, first4, last, mean } = drawn;
    const end = states.at(-1) as NDArray;
    const n = states.length;
    const multiple = inPairs.test(drawn.config._class_name) ? 2 : 1;
    if (trace.length === multiple * n - (multiple - 1))
      for (const [k, state] of states.entries()) {
        const want = trace[Math.min(multiple * k + multiple - 1, trace.length - 1)] as number;
        expect(Math.abs(state.abs().sum().item() / want - 1), `step ${k + 1}`).toBeLessThan(TOLERANCE);
      }
    for (const [i, want] of [...first4, last].entries())
      expect(Math.abs((end.data[i < 4 ? i : 95] as number) - want)).toBeLessThan(
        TOLERANCE * Math.max(mean, Math.abs(want)),
      );
  });

  test("is written back as it was read", () => {
    const scheduler = readScheduler(drawn.config, drawn.steps);
    const again = readScheduler(writeScheduler(scheduler), drawn.steps);
    expect(again.sampler).toEqual(scheduler.sampler);
    expect(again.prediction).toBe(scheduler.prediction);
    const [from, to] = [scheduler, again].map(({ process }) => process.level(process.span[1]));
    expect(to).toEqual(from);
  });
});

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { type Level, networkDenoiser, qSample } from "../../src/diffusion/index.ts";
import { openSampler, readScheduler, sample, writeScheduler } from "../../src/samplers/index.ts";
import { withoutPast } from "./diffusers-cases.ts";

/** A configuration that a seed chose. */
interface Configuration {
  readonly config: Readonly<Record<string, unknown>> & { readonly _class_name: string };
  readonly steps: number;
  readonly mu?: number;
}

/** What its `add_noise` made of the noise, at a timestep of its path. */
interface Noised extends Configuration {
  readonly timestep: number;
  readonly first4: readonly number[];
}

/** What diffusers' loop made of one. */
interface Drawn extends Configuration {
  readonly options: Readonly<Record<string, unknown>>;
  readonly begin: number;
  readonly timesteps: readonly number[];
  readonly initNoiseSigma: number;
  readonly first4: readonly number[];
  readonly last: number;
  readonly mean: number;
  readonly trace: readonly number[];
  readonly rounding: number;
}

const { cases, noised } = JSON.parse(
  readFileSync(new URL("../fixtures/scheduler-cases.json", import.meta.url), "utf8"),
) as { readonly cases: readonly Drawn[]; readonly noised: readonly Noised[] };

const shape = [2, 3, 4, 4];
const filled = (value: (i: number) => number): NDArray =>
  NDArray.of(
    Array.from({ length: 96 }, (_, i) => value(i)),
    shape,
  );
const [start, noise] = [filled((i) => Math.sin(i + 1)), filled((i) => Math.cos(2 * i + 1))];

/** What the fixture's model says of the reverse variance, by variance_type. */
const variances: Readonly<Record<string, (x: number) => number>> = {
  learned_range: (x) => 0.9 * Math.sin(3 * x),
  learned: (x) => 0.05 + 0.04 * Math.sin(3 * x),
};

/** The fixture's model: [n, c, h, w], or twice the channels where it learns the variance. */
const modelOf = (variance: ((x: number) => number) | undefined) => async (x: NDArray, t: number) => {
  const said = x.mul(0.6 * Math.cos(t / 300)).add(0.1 * Math.sin(t / 100));
  if (!variance) return said;
  const images = [0, 1].flatMap((n) => [said.row(n), x.map(variance).row(n)]);
  return NDArray.concat(images).reshape([2, 6, 4, 4]);
};

/** Classes that keep samples as x / alpha. */
const byRatio = /^(Euler|Heun|LMS|KDPM2)/;
/** Classes that evaluate twice a step. */
const inPairs = /^(Heun|KDPM2|FlowMatchHeun)/;

const schedulerOf = ({ config, steps, mu }: Configuration) =>
  readScheduler(config, steps, mu === undefined ? {} : { mu });

const open = (drawn: Configuration, called: Drawn["options"] = {}) => {
  const scheduler = schedulerOf(drawn);
  const { use_clipped_model_output: clipsEps, ...options } = called;
  const said = { ...scheduler.sampler, ...options, ...(clipsEps ? { keepEps: false } : {}) };
  return { scheduler, ...openSampler(said as never, scheduler.process) };
};

/** The reference's sample where its loop begins, as x. */
const startOf = ({ config, begin, initNoiseSigma }: Drawn, levels: readonly Level[]): NDArray => {
  const from = levels[begin] as Level;
  if (begin > 0) return qSample(start, noise, from);
  return start.mul(byRatio.test(config._class_name) ? from.alpha * initNoiseSigma : initNoiseSigma);
};

const run = async (drawn: Drawn): Promise<NDArray[]> => {
  const { scheduler, sampler, levels, limit } = open(drawn, drawn.options);
  const { process: _, sampler: __, ...network } = scheduler;
  const variance = variances[String(drawn.config.variance_type)];
  const denoiser = networkDenoiser(modelOf(variance), { ...network, learnsVariance: variance !== undefined });
  const generator = new Generator(0);
  const name = drawn.config._class_name;
  const states: NDArray[] = [];
  for await (const { x, index } of sample({
    denoiser: limit(denoiser),
    sampler: name === "LMSDiscreteScheduler" ? withoutPast(sampler, shape) : sampler,
    levels,
    begin: drawn.begin,
    x: startOf(drawn, levels),
    noise: () => generator.normal(shape),
  }))
    states.push(byRatio.test(name) ? x.div((levels[drawn.begin + index + 1] as Level).alpha) : x);
  return states;
};

/** How far the states are from the reference's: after every step by the sum of |x|, where it has as many, and at the end. */
const errorsOf = (drawn: Drawn, states: readonly NDArray[]) => {
  const { trace, first4, last, mean, config } = drawn;
  const multiple = inPairs.test(config._class_name) ? 2 : 1;
  const wantedAt = (k: number) => trace[Math.min(multiple * (k + 1), trace.length) - 1] as number;
  const along =
    trace.length === multiple * (states.length - 1) + 1
      ? states.map((state, k) => Math.abs(state.abs().sum().item() / wantedAt(k) - 1))
      : [];
  const { data } = states.at(-1) as NDArray;
  const ends = [...first4, last].map(
    (want, i) => Math.abs((data[i < 4 ? i : 95] as number) - want) / Math.max(mean, Math.abs(want)),
  );
  return { along, end: Math.max(...ends) };
};

/** The figures' own, and how far rounding moves the reference's. */
const toleranceOf = ({ rounding }: Drawn): number => 1e-5 + rounding;

const named = (pattern: RegExp) => (drawn: Configuration) => pattern.test(drawn.config._class_name);
const has = (drawn: Configuration, key: string): boolean => Boolean(drawn.config[key]);
const respaced = (drawn: Configuration): boolean =>
  ["use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"].some((key) => has(drawn, key));

/** What is refused with an error that names the key, rather than read as something else. */
const refusals: Readonly<Record<string, (drawn: Configuration) => boolean>> = {
  interpolation_type: (drawn) => has(drawn, "interpolation_type"),
  timestep_type: (drawn) => has(drawn, "timestep_type"),
  sigma_min: (drawn) => named(/^(EulerDiscrete|UniPC)/)(drawn) && has(drawn, "sigma_min"),
  use_flow_sigmas: (drawn) => has(drawn, "use_flow_sigmas"),
  stochastic_sampling: (drawn) => has(drawn, "stochastic_sampling"),
  invert_sigmas: (drawn) => has(drawn, "invert_sigmas"),
  shift_terminal: (drawn) => has(drawn, "shift_terminal"),
  rescale_betas_zero_snr: (drawn) =>
    named(/^DD(PM|IM)/)(drawn) &&
    has(drawn, "rescale_betas_zero_snr") &&
    !["v_prediction", "sample"].includes(String(drawn.config.prediction_type)),
};

/** What diffusers does and undiffuse does not, on purpose: each leaves the path, or noise in the result. */
const differences: Readonly<Record<string, (drawn: Drawn) => boolean>> = {
  "DDPM adds its noise to the result too unless the last timestep is 0": (drawn) =>
    named(/^DDPM/)(drawn) &&
    (drawn.timesteps.at(-1) as number) > 0 &&
    !String(drawn.config.variance_type ?? "fixed_small").startsWith("fixed_small"),
  "PNDM begun within counts an evaluation that it has left out, and is a step behind": (drawn) =>
    named(/^PNDM/)(drawn) && drawn.begin > 0,
  "one respaced step of some classes begins where it ends": (drawn) =>
    drawn.steps === 1 &&
    ((named(/^EDM/)(drawn) && drawn.config.sigma_schedule === "exponential") ||
      (named(/^DEIS/)(drawn) && respaced(drawn)) ||
      (named(/^UniPC/)(drawn) && respaced(drawn) && drawn.config.final_sigmas_type === "sigma_min")),
  "trailing timesteps are sometimes one more than were asked for, or fewer where λ is clipped": (drawn) =>
    drawn.config.timestep_spacing === "trailing" &&
    !named(/^(Heun|KDPM2|PNDM)/)(drawn) &&
    drawn.timesteps.length !== drawn.steps,
};

const keyOf = <D>(rows: Readonly<Record<string, (drawn: D) => boolean>>, drawn: D) =>
  Object.keys(rows).find((key) => rows[key]?.(drawn));
const titled = cases.map(
  (drawn, i) => [`${i}: ${drawn.config._class_name}, ${drawn.steps} steps`, drawn] as const,
);
const refused = titled.filter(([, drawn]) => keyOf(refusals, drawn));
const read = titled.filter(([, drawn]) => !keyOf(refusals, drawn));
const agreeing = read.filter(([, drawn]) => !keyOf(differences, drawn));

test("most configurations are read, and most of those agree", () => {
  expect(read.length).toBeGreaterThan(0.85 * cases.length);
  expect(agreeing.length).toBeGreaterThan(0.9 * read.length);
});

test.each(agreeing)("%s gives diffusers' figures", async (_, drawn) => {
  const { along, end } = errorsOf(drawn, await run(drawn));
  expect(Math.max(...along, end)).toBeLessThan(toleranceOf(drawn));
});

test.each(read.filter(([, drawn]) => keyOf(differences, drawn)))(
  "%s differs as is said",
  async (_, drawn) => {
    const { along, end } = errorsOf(drawn, await run(drawn));
    expect(Math.max(...along.slice(0, named(/^DDPM/)(drawn) ? -1 : 0))).toBeLessThan(toleranceOf(drawn));
    expect(end).toBeGreaterThan(100 * toleranceOf(drawn));
  },
);

test.each(refused)("%s is refused by the key that is not supported", (_, drawn) => {
  expect(() => schedulerOf(drawn)).toThrow(keyOf(refusals, drawn) as string);
});

test.each(read)("%s is written back as it was read", (_, drawn) => {
  const scheduler = schedulerOf(drawn);
  const again = readScheduler(writeScheduler(scheduler), drawn.steps, { mu: Math.log(shiftOf(scheduler)) });
  expect(again.sampler).toEqual(scheduler.sampler);
  expect([again.prediction, again.sigmaData]).toEqual([scheduler.prediction, scheduler.sigmaData]);
  const [from, to] = [scheduler, again].map(({ process }) => process.level(process.span[1]));
  expect(to).toEqual(from);
});

const shiftOf = ({ sampler: { shift = 1 } }: ReturnType<typeof schedulerOf>): number => shift;

test.each(
  noised
    .filter((drawn) => !keyOf(refusals, drawn))
    .map((drawn) => [drawn.config._class_name, drawn] as const),
)("%s noises a sample as diffusers", (name, drawn) => {
  const { levels } = open(drawn);
  const from = levels.find(({ t }) => Math.abs(t - drawn.timestep) < 1e-2) as Level;
  const x = qSample(start, noise, from);
  const { data } = byRatio.test(name) ? x.div(from.alpha) : x;
  for (const [i, want] of drawn.first4.entries())
    expect(Math.abs((data[i] as number) - want)).toBeLessThan(1e-5 * Math.max(1, Math.abs(want)));
});

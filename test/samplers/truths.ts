import type { SamplerKind } from "../../src/samplers/index.ts";

/** Numbers of steps, of which the second is twice the first. */
type Halving = readonly [few: number, many: number];

/** What is true of a kind under some settings. Orders are not said here: a sampler claims its own. */
export type Truth =
  /** It solves the probability-flow ODE, on a mixture and on Gaussian data, and draws nothing. */
  | {
      readonly is: "ode";
      readonly spec?: object;
      /** Enough for the order to show, too few for float32 to end it. */
      readonly steps: Halving;
      /** The same for Gaussian data, where errors of two kinds may cancel. */
      readonly gaussian?: Halving;
      /** Where it walks: among a chain's timesteps, if it evaluates there alone. */
      readonly among?: "timesteps";
    }
  /** The moments of its draws come to the data's. */
  | {
      readonly is: "sde";
      readonly spec?: object;
      readonly steps: Halving;
      /** What else is finer in the second run, and the order in it all, where the sampler claims none. */
      readonly finer?: { readonly spec: object; readonly order: number };
    }
  /** The same in many dimensions alone, where norms settle. */
  | { readonly is: "wide"; readonly spec: object }
  /** It draws exactly, however few steps, from the exact consistency function. */
  | { readonly is: "consistency"; readonly spec?: object; readonly steps: readonly number[] };

interface Row {
  readonly truths: readonly Truth[];
  /** Steps and settings at which its own error is lost among that of 2000 draws; none for kinds that need other networks. */
  readonly draws: object | null;
}

const inOrders = (orders: readonly number[], truth: Omit<Truth & { is: "ode" }, "is">): Truth[] =>
  orders.map((order) => ({ is: "ode", ...truth, spec: { order, ...truth.spec } }));
const ode = (few: number, spec: object = {}): Truth => ({ is: "ode", steps: [few, 2 * few], spec });
const sde = (spec: object = {}): Truth => ({ is: "sde", steps: [96, 192], spec });

/** What is true of each kind of sampler. */
export const truths: Readonly<Record<SamplerKind, Row>> = {
  ddim: { truths: [ode(24), sde({ eta: 1 })], draws: { steps: 50 } },
  ancestral: { truths: [sde(), sde({ variance: "fixed_large" })], draws: { steps: 200 } },
  pndm: {
    truths: [false, true].map((skipPrk) => ({
      is: "ode",
      steps: [20, 40],
      gaussian: [80, 160],
      spec: { skipPrk },
      among: "timesteps",
    })),
    draws: { steps: 50 },
  },
  euler: { truths: [ode(24), ode(24, { frame: "karras" })], draws: { steps: 50 } },
  euler_ancestral: { truths: [sde(), ode(24, { eta: 0 })], draws: { steps: 200 } },
  heun: { truths: [ode(24), ode(24, { frame: "karras" })], draws: { steps: 50 } },
  // With less churn than the cap of γ, and S_noise = 1, under which it is a sampler of the SDE.
  edm: { truths: [{ is: "sde", steps: [48, 96], spec: { churn: 10, noise: 1 } }], draws: { steps: 50 } },
  lms: {
    truths: [
      ...inOrders([1, 2], { steps: [24, 48] }),
      ...inOrders([3, 4], { steps: [64, 128] }),
      ...inOrders([2, 3], { steps: [48, 96], gaussian: [24, 48], spec: { frame: "flow" } }),
    ],
    draws: { steps: 50 },
  },
  kdpm2: { truths: [ode(24), sde({ eta: 1 })], draws: { steps: 50 } },
  dpm_multistep: {
    truths: [
      ...["midpoint", "heun"].flatMap((solver) => [
        ...inOrders([1, 2, 3], { steps: [48, 96], spec: { algorithm: "dpmsolver", solver } }),
        ...inOrders([1, 2, 3], { steps: [48, 96], gaussian: [96, 192], spec: { solver } }),
      ]),
      sde({ algorithm: "sde-dpmsolver" }),
      sde({ algorithm: "sde-dpmsolver++" }),
    ],
    draws: { steps: 50 },
  },
  dpm_singlestep: {
    truths: [
      ...inOrders([1, 2, 3], { steps: [24, 48], spec: { algorithm: "dpmsolver" } }),
      ...inOrders([1, 2, 3], { steps: [24, 48] }),
      sde({ algorithm: "sde-dpmsolver" }),
      sde({ algorithm: "sde-dpmsolver++" }),
    ],
    draws: { steps: 50 },
  },
  dpm_sde: { truths: [sde(), ode(24, { eta: 0 })], draws: { steps: 200 } },
  deis: {
    truths: inOrders([1, 2, 3], { steps: [24, 48], gaussian: [12, 24] }),
    draws: { steps: 50 },
  },
  unipc: {
    truths: ["dpmsolver", "dpmsolver++"].flatMap((algorithm) =>
      ["bh1", "bh2"].flatMap((solver) =>
        inOrders([1, 2, 3], { steps: [24, 48], spec: { algorithm, solver } }),
      ),
    ),
    draws: { steps: 50 },
  },
  lcm: { truths: [{ is: "consistency", steps: [1, 2, 4, 8] }], draws: null },
  ddim_inversion: { truths: [ode(48)], draws: null },
  // Tolerances at which no step is refused: it takes three in each of the path's.
  rk45: {
    truths: [{ is: "ode", steps: [4, 8], spec: { rtol: 1e9, atol: 1e9 } }],
    draws: { steps: 2 },
  },
  langevin: {
    truths: [
      {
        is: "sde",
        steps: [12, 24],
        spec: { stepSize: 0.4, stepsPerLevel: 20 },
        finer: { spec: { stepSize: 0.2, stepsPerLevel: 40 }, order: 1 },
      },
    ],
    // Of 21 settings tried, of 600 to 1000 evaluations, ten come within the distance: in the others levels mix too little.
    draws: { steps: 40, stepsPerLevel: 20, stepSize: 0.4 },
  },
  predictor_corrector: {
    truths: [
      { is: "wide", spec: {} },
      { is: "wide", spec: { predictor: "ancestral", correctorSteps: 2, snr: 0.1 } },
    ],
    draws: { steps: 50, norms: "batch" },
  },
  tcd: {
    truths: [
      { is: "consistency", steps: [1, 2, 4, 8], spec: { eta: 1 } },
      { is: "ode", steps: [20, 40], spec: { eta: 0 }, among: "timesteps" },
    ],
    draws: null,
  },
};

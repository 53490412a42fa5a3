import { z } from "zod";
import { ArgumentError, parseAs } from "../base/index.ts";
import {
  type DiffusionProcess,
  diffusionProcess,
  edmInputScale,
  type Level,
  type NoiseProcess,
  noiseProcesses,
  type Prediction,
  scheduleSchema,
} from "../diffusion/index.ts";
import type { SamplerSpec } from "./catalogue.ts";
import type { SchedulerKeys } from "./scheduler-keys.ts";

/** What a scheduler's configuration says of the process and of the network. */
export interface ProcessReading {
  readonly process: NoiseProcess;
  readonly prediction: Prediction;
  /** The standard deviation of data that a network of EDM's assumes. */
  readonly sigmaData?: number;
  /** What x is multiplied with on its way into the network. */
  readonly inputScale?: (level: Level) => number;
}

/** A kind of process by the keys that describe it. */
export interface ProcessKeys<F extends z.ZodRawShape = z.ZodRawShape> {
  readonly keys: F;
  readonly read: (config: z.output<z.ZodObject<F>>) => ProcessReading;
  /** @throws ArgumentError when diffusers has no such process */
  readonly write: (scheduler: ProcessReading & { readonly sampler: SamplerSpec }) => SchedulerKeys;
}
const processKeys = <F extends z.ZodRawShape>(keys: ProcessKeys<F>): ProcessKeys => keys as never;

const scheduleKeys = {
  num_train_timesteps: z.int().positive().default(1000),
  beta_start: z.number().default(1e-4),
  beta_end: z.number().default(0.02),
  beta_schedule: z.string().default("linear"),
  trained_betas: z.array(z.number()).nullish(),
  rescale_betas_zero_snr: z.boolean().default(false),
  prediction_type: z.enum(["epsilon", "sample", "v_prediction"]).default("epsilon"),
};

/** A schedule's process. @param dividing whether its samplers divide by alpha, and start a little below noise alone */
const scheduled = (dividing: boolean, keys = scheduleKeys): ProcessKeys =>
  processKeys({
    keys,
    read(config) {
      const { prediction_type, trained_betas, beta_schedule, num_train_timesteps } = config;
      const { beta_start, beta_end, rescale_betas_zero_snr } = config;
      const rest = { beta_start, beta_end, rescale_betas_zero_snr };
      const schedule = parseAs(
        scheduleSchema,
        trained_betas
          ? { ...rest, beta_schedule: "given", trained_betas, num_train_timesteps: trained_betas.length }
          : { ...rest, beta_schedule, num_train_timesteps },
        { who: "scheduler configuration", expected: "a noise schedule" },
      );
      if (rescale_betas_zero_snr && prediction_type === "epsilon" && !dividing)
        throw new ArgumentError({
          who: "rescale_betas_zero_snr",
          expected: "a network that predicts v_prediction or sample",
          got: "epsilon, which says nothing where all is noise",
        });
      const process = diffusionProcess(schedule, { float32: true });
      return { process, prediction: prediction_type };
    },
    write({ process, prediction }) {
      const { beta_schedule, ...schedule } = (process as DiffusionProcess).schedule;
      const name = beta_schedule === "given" ? "linear" : beta_schedule;
      return { ...schedule, beta_schedule: name, prediction_type: prediction };
    },
  });

const edm = processKeys({
  keys: {
    sigma_min: z.number().positive().default(0.002),
    sigma_max: z.number().positive().default(80),
    sigma_data: z.number().positive().default(0.5),
    prediction_type: z.enum(["epsilon", "v_prediction"]).default("epsilon"),
  },
  read: ({ sigma_min, sigma_max, sigma_data, prediction_type }) => ({
    process: noiseProcesses.edm({ sigmaMin: sigma_min, sigmaMax: sigma_max }),
    prediction: prediction_type === "epsilon" ? "edm" : "edm_v",
    sigmaData: sigma_data,
    inputScale: edmInputScale(sigma_data),
  }),
  write: ({ process: { span }, prediction, sigmaData = 0.5 }) => ({
    sigma_min: span[0],
    sigma_max: span[1],
    sigma_data: sigmaData,
    prediction_type: prediction === "edm" ? "epsilon" : "v_prediction",
  }),
});

const flowKeys = {
  num_train_timesteps: z.int().positive().default(1000),
  shift: z.number().positive().default(1),
};
/** A flow down to a time. A shift below 1 leads under the last, which the network is told as it is. */
const flowTo = (clean: number, trained: number): ProcessReading => {
  const { level, levelAt, time, span } = noiseProcesses.rectified_flow({ clean });
  const process: NoiseProcess = {
    span,
    level: (at) => ({ ...level(at), t: trained * Math.max(at, clean) }),
    levelAt: (lambda) => ({ ...levelAt(lambda), t: trained * time(lambda) }),
  };
  return { process, prediction: "flow_prediction" };
};
/** The last of the trained times, shifted. */
const lastTime = (shift: number, trained: number): number => shift / (trained + shift - 1);
/** How many timesteps a network of a flow knows: what it is told of noise alone. */
const trainedOf = ({ process }: ProcessReading): number => process.level(1).t;

/** diffusers shifts the last level, and then every level again: published pipelines are run that way. */
const flow = processKeys({
  keys: flowKeys,
  read: ({ shift, num_train_timesteps }) => flowTo(lastTime(shift, num_train_timesteps), num_train_timesteps),
  write(scheduler) {
    const { shift = 1 } = scheduler.sampler;
    const [clean] = scheduler.process.span;
    const trained = trainedOf(scheduler);
    const last = lastTime(shift, trained);
    if (clean === last) return { num_train_timesteps: trained };
    throw new ArgumentError({
      who: "process",
      expected: `a flow down to ${last}, where a shift of ${shift} takes diffusers'`,
      got: `one to ${clean}`,
    });
  },
});

/** Every level is shifted once where the shift is the caller's, which hangs on the size of an image. */
const dynamicFlow = processKeys({
  keys: { ...flowKeys, use_dynamic_shifting: z.boolean().default(false) },
  read: ({ shift, use_dynamic_shifting, num_train_timesteps: trained }) =>
    flowTo(lastTime(use_dynamic_shifting ? 1 : shift, trained), trained),
  write(scheduler) {
    const trained = trainedOf(scheduler);
    const { shift = 1 } = scheduler.sampler;
    const once = shift !== 1 && scheduler.process.span[0] === lastTime(1, trained);
    return once
      ? { num_train_timesteps: trained, use_dynamic_shifting: true, time_shift_type: "exponential" }
      : { ...flow.write(scheduler), use_dynamic_shifting: false };
  },
});

/** Variance exploding: the noise falls in equal ratios to σ_min itself, and the network is told the noise at ε and above. */
const exploding = processKeys({
  keys: {
    num_train_timesteps: z.int().positive().default(2000), // a number of steps, when none is asked for
    sigma_min: z.number().positive().default(0.01),
    sigma_max: z.number().positive().default(1348),
    sampling_eps: z.number().positive().lt(1).default(1e-5),
  },
  read({ sigma_min, sigma_max, sampling_eps }) {
    const { level, levelAt, time } = noiseProcesses.ve({ sigmaMin: sigma_min, sigmaMax: sigma_max });
    const told = (time: number) => level(sampling_eps + (1 - sampling_eps) * time).sigma;
    const process: NoiseProcess = {
      span: [0, 1],
      level: (time) => ({ ...level(time), t: told(time) }),
      levelAt: (lambda) => ({ ...levelAt(lambda), t: told(time(lambda)) }),
    };
    return { process, prediction: "score" };
  },
  write({ process }) {
    const [least, most] = [process.level(0), process.level(1)];
    const sampling_eps = Math.log(least.t / least.sigma) / Math.log(most.sigma / least.sigma);
    return { sigma_min: least.sigma, sigma_max: most.sigma, sampling_eps };
  },
});

/** The least and the most noise of Stable Diffusion, which some classes have for their own. */
const stable = {
  ...scheduleKeys,
  beta_start: z.number().default(0.00085),
  beta_end: z.number().default(0.012),
};

/** The processes that diffusers' schedulers are made for. */
export const schedulerProcesses = {
  chain: scheduled(false),
  /** k-diffusion's own, by their classes' defaults. */
  stable: scheduled(false, stable),
  /** Of latent consistency models. */
  latent: scheduled(false, { ...stable, beta_schedule: z.string().default("scaled_linear") }),
  unclip: scheduled(false, {
    ...scheduleKeys,
    beta_schedule: z.string().default("squaredcos_cap_v2"),
  }),
  ratio: scheduled(true),
  edm,
  flow,
  dynamic_flow: dynamicFlow,
  exploding,
} as const;
export type SchedulerProcess = keyof typeof schedulerProcesses;

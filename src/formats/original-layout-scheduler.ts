import type { Shapes } from "./original-layout-rule.ts";

/** What a network says at each step, under diffusers' names. */
export type Prediction = "epsilon" | "v_prediction";

/** A prediction, and whether the file or its reader says so. */
export interface PredictionChoice {
  readonly type: Prediction;
  /** False where it is the likelier of two. */
  readonly known: boolean;
  /** What to try where the images are wrong. */
  readonly hint?: string;
}

interface Facts {
  readonly version: "1.x" | "2.x" | "xl";
  readonly task: "text-to-image" | "inpainting" | "upscaling";
}

/**
 * What the network predicts: what the reader says, else the file's metadata (`modelspec.prediction_type`), else the
 * tensor `v_pred` that some files hold as a mark, else what most files of the kind do.
 */
export const choosePrediction = (
  { version, task }: Facts,
  shapes: Shapes,
  options: {
    readonly prediction?: Prediction | undefined;
    readonly metadata?: Readonly<Record<string, string>> | undefined;
  },
): PredictionChoice => {
  const said = options.prediction ?? spokenOf(options.metadata) ?? (shapes.has("v_pred") && "v_prediction");
  if (said) return { type: said, known: true };
  if (task === "upscaling") return { type: "v_prediction", known: true };
  if (version !== "2.x") return { type: "epsilon", known: false };
  const [type, other] =
    task === "inpainting" ? (["epsilon", "v_prediction"] as const) : (["v_prediction", "epsilon"] as const);
  return {
    type,
    known: false,
    hint: `a file of Stable Diffusion 2.x does not say what it predicts: models of 768 pixels v_prediction, of 512 epsilon; where images are blotches or noise, choose ${other}`,
  };
};

const spokenOf = (metadata: Readonly<Record<string, string>> = {}): Prediction | undefined => {
  const spoken = metadata["modelspec.prediction_type"] ?? metadata["modelspec.predict_key"];
  if (spoken === "v" || spoken === "v_prediction") return "v_prediction";
  return spoken === "epsilon" ? "epsilon" : undefined;
};

const TRAINED = { num_train_timesteps: 1000, beta_schedule: "scaled_linear" };
const BETAS = { beta_start: 0.00085, beta_end: 0.012 };
/** Of the ×4 upscaler, and of the noise on its small images. */
const UPSCALER_BETAS = { beta_start: 1e-4, beta_end: 0.02 };
/** Where the published folders begin and end: at timestep 1, and at the noise of timestep 0. */
const OFFSET = { set_alpha_to_one: false, steps_offset: 1 };

/** diffusers' configuration of the scheduler that published folders of such a model name. */
export const schedulerConfig = (
  { version, task }: Facts,
  { type }: PredictionChoice,
  shapes: Shapes,
): Readonly<Record<string, unknown>> => {
  // Some files mark by this tensor that they were trained up to noise without any image in it.
  const zero = shapes.has("ztsnr") ? { rescale_betas_zero_snr: true, timestep_spacing: "trailing" } : {};
  const rest = { ...TRAINED, ...BETAS, prediction_type: type, ...zero };
  if (task === "upscaling")
    return { _class_name: "DDIMScheduler", ...rest, ...UPSCALER_BETAS, ...OFFSET, clip_sample: false };
  if (version === "xl")
    return { _class_name: "EulerDiscreteScheduler", timestep_spacing: "leading", steps_offset: 1, ...rest };
  return type === "v_prediction"
    ? { _class_name: "DDIMScheduler", ...OFFSET, clip_sample: false, ...rest }
    : { _class_name: "PNDMScheduler", ...OFFSET, skip_prk_steps: true, ...rest };
};

/** The scheduler that puts noise on the images that the ×4 upscaler is given. */
export const lowResolutionScheduler: Readonly<Record<string, unknown>> = {
  _class_name: "DDPMScheduler",
  ...TRAINED,
  ...UPSCALER_BETAS,
  clip_sample: true,
};

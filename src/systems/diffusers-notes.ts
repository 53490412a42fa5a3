import { z } from "zod";

/** Where the notes lie in an exported folder. */
export const NOTES = "undiffuse.json";

/**
 * What an exported folder says beside what diffusers' files can: how its images were sampled. Keys are those of Python's
 * arguments.
 */
export const diffusersNotesSchema = z.looseObject({
  system: z.string(),
  recipe: z.string(),
  /** Training steps behind the weights. */
  step: z.int().nonnegative(),
  /** Names of the classes by their numbers; the number after the last stands for no class. Null where there are none. */
  classes: z.array(z.string()).nullable(),
  /** Whether the second half of the network's output speaks of the variance. */
  learns_variance: z.boolean(),
  /** The deviation of the noise to begin with. */
  noise: z.number().positive(),
  /** Arguments of the scheduler's `set_timesteps`. */
  set_timesteps: z.looseObject({
    num_inference_steps: z.int().positive().optional(),
    sigmas: z.array(z.number()).optional(),
    mu: z.number().optional(),
  }),
  /** Arguments of its `step`. */
  step_arguments: z.looseObject({
    eta: z.number().optional(),
    use_clipped_model_output: z.boolean().optional(),
  }),
  /** Classifier-free guidance: other + scale (wanted − other). */
  guidance: z.looseObject({
    scale: z.number().nonnegative(),
    rescale: z.number().min(0).max(1),
    /** The range of σ / α in which to guide. */
    interval: z.tuple([z.number(), z.number()]).nullable(),
    /** The number of the class to be led away from; of no class when null. */
    negative: z.int().nonnegative().nullable(),
  }),
});
export type DiffusersNotes = z.output<typeof diffusersNotesSchema>;

export { type AncestralOptions, ancestral } from "./ancestral.ts";
export { type OpenedSampler, openSampler, type SamplerSpec, samplerSchema } from "./catalogue.ts";
export { type DdimOptions, ddim } from "./ddim.ts";
export { type SampleFrame, type SampleOptions, sample } from "./driver.ts";
export { initialNoise, stepNoise } from "./noise.ts";
export type { Sampler, StepArguments, StepResult } from "./sampler.ts";
export { levelPath, type Spacing, type SpacingOptions, spacedTimesteps } from "./spacing.ts";

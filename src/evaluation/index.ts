export { type Estimate, meanEstimate } from "./bootstrap.ts";
export { energyDistance } from "./energy-distance.ts";
export { psnr, ssim } from "./fidelity.ts";
export { frechetDistance, frechetOfGaussians, type Gaussian, gaussianOf } from "./frechet.ts";
export { kernelDistance } from "./kernel-distance.ts";
export {
  type ClassRecall,
  type Manifold,
  type ManifoldOptions,
  manifold,
  NEIGHBOURS,
  recallByClass,
  tailRecall,
} from "./manifold.ts";
export { type Memorisation, memorisation } from "./memorisation.ts";
export { type Nearest, nearestRows } from "./neighbours.ts";
export { randomDirections, slicedWasserstein } from "./sliced-wasserstein.ts";

import { betaQuantile } from "./beta-quantile.ts";

/** What lies between the noisiest and the cleanest σ = sigma / alpha, both included. */
interface Ends {
  readonly most: number;
  readonly least: number;
  readonly rho: number;
}

/** Told to networks as the nearest whole timestep where they know no others; the rest as the one below. */
export const roundedSpacings: ReadonlySet<string> = new Set(["karras", "lambda"]);

const lerp = (a: number, b: number, share: number): number => a + (b - a) * share;

/** σ at a share of the way from noise, 0, to the cleanest, 1. */
type Rule = (share: number, ends: Ends) => number;

/** Spacings of the noise itself. */
export const sigmaSpacings = {
  /** σ^(1/ρ) in equal steps, closer together where there is little noise (Karras et al. 2022, eq. 5). */
  karras: (share, { most, least, rho }) => lerp(most ** (1 / rho), least ** (1 / rho), share) ** rho,
  /** ln σ in equal steps. */
  exponential: (share, { most, least }) => Math.exp(lerp(Math.log(most), Math.log(least), share)),
  /** λ = −ln σ in equal steps: the same, with timesteps rounded (Lu et al. 2022, section 3.4). */
  lambda: (share, { most, least }) => Math.exp(lerp(Math.log(most), Math.log(least), share)),
  /** ln σ in steps that grow with a power of the noise (k-diffusion). */
  polyexponential: (share, { most, least, rho }) =>
    Math.exp(lerp(Math.log(least), Math.log(most), (1 - share) ** rho)),
  /** Quantiles of the Beta distribution of shape 0.6, 0.6: dense at both ends (Lee et al. 2024). */
  beta: (share, { most, least }) => lerp(least, most, betaQuantile(1 - share, 0.6, 0.6)),
} as const satisfies Readonly<Record<string, Rule>>;

export type SigmaSpacing = keyof typeof sigmaSpacings;
export const sigmaSpacingNames = Object.keys(sigmaSpacings) as SigmaSpacing[];

/** n values of σ, noisiest first. */
export const spacedSigmas = (
  spacing: SigmaSpacing,
  { steps, ...ends }: Ends & { readonly steps: number },
): number[] =>
  Array.from({ length: steps }, (_, i) => sigmaSpacings[spacing](i / Math.max(1, steps - 1), ends));

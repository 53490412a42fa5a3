// What a sampler's step costs on host arrays, beside the network's evaluation.
//   node --import ./tools/typescript.mjs --conditions=undiffuse-source bench/sampler-step.ts > bench/results/sampler-step.md
import { cpus, loadavg } from "node:os";
import { Generator, type NDArray } from "../src/base/index.ts";
import { type Denoiser, diffusionProcess, scheduleSchema } from "../src/diffusion/index.ts";
import { openSampler, type SamplerKind, sample, samplerKinds, samplerSchema } from "../src/samplers/index.ts";

const SHAPE = [16, 3, 32, 32];
const NUMBERS = SHAPE.reduce((product, size) => product * size, 1);
/** The path, of which the middle is timed: histories are full, code is compiled, no step is to data. */
const STEPS = 20;
const MIDDLE = [5, 15] as const;
const ROUNDS = 3;
/** What the aim allows, in microseconds a number. */
const AIM = 0.3;

const chain = diffusionProcess(scheduleSchema.parse({}));
const random = new Generator(0);
const drawn = (): NDArray => random.normal(SHAPE);
const [start, x0, eps, z] = [drawn(), drawn(), drawn(), drawn()];
/** Settings that keep to few evaluations a step; what one costs is the same. */
const settings: Partial<Record<SamplerKind, object>> = {
  langevin: { stepsPerLevel: 1 },
  rk45: { rtol: 1e9, atol: 1e9 },
};

interface Cost {
  /** Microseconds a number of a step, the driver's part included. */
  readonly step: number;
  readonly evaluations: number;
}

/** The median step in the middle of the path, with a denoiser and noise that cost nothing. */
const costOf = async (kind: SamplerKind): Promise<Cost> => {
  const { sampler, levels, churn } = openSampler(
    samplerSchema.parse({ kind, steps: STEPS, clip: null, ...settings[kind] }),
    chain,
  );
  let evaluations = 0;
  const denoiser: Denoiser = async () => {
    evaluations += 1;
    return { x0, eps };
  };
  const times: number[] = [];
  let counted = 0;
  for (let round = 0; round < ROUNDS; round++) {
    let before = performance.now();
    for await (const { index } of sample({ denoiser, sampler, levels, churn, x: start, noise: () => z })) {
      const now = performance.now();
      if (index >= MIDDLE[0] && index < MIDDLE[1]) {
        times.push(now - before);
        counted += evaluations;
      }
      evaluations = 0;
      before = performance.now();
    }
  }
  const median = times.sort((a, b) => a - b)[times.length >> 1] as number;
  return { step: (median * 1000) / NUMBERS, evaluations: counted / times.length };
};

const rows: string[] = [];
for (const kind of samplerKinds) {
  const { step, evaluations } = await costOf(kind);
  rows.push(`| \`${kind}\` | ${step.toFixed(3)} | ${evaluations} | ${(step / evaluations).toFixed(3)} |`);
}
process.stdout.write(`# A sampler's step

The aim is ${AIM} µs a number. Shape [${SHAPE}], denoiser and noise for nothing; the median of ${ROUNDS * (MIDDLE[1] - MIDDLE[0])} steps in the middle of a path
of ${STEPS}, with what the driver does between them. \`langevin\` takes one step at a level; a step of \`rk45\`'s path is three of
Runge and Kutta's at the least, of six evaluations each.

${new Date().toISOString().slice(0, 10)}; ${cpus()[0]?.model}, one core used; Node ${process.version}; load ${loadavg()[0]?.toFixed(1)} at the start.

| sampler | µs a number | evaluations | µs a number and evaluation |
|---|---|---|---|
${rows.join("\n")}
`);

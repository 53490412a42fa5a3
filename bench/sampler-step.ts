// What a sampler's step costs on host arrays, beside the network's evaluation.
//   node --import ./tools/typescript.mjs --conditions=undiffuse-source bench/sampler-step.ts > bench/results/sampler-step.md
import { cpus, loadavg } from "node:os";
import { Generator } from "../src/base/index.ts";
import { type Denoiser, diffusionProcess, scheduleSchema } from "../src/diffusion/index.ts";
import { openSampler, samplerKinds, samplerSchema } from "../src/samplers/index.ts";

const SHAPE = [16, 3, 32, 32];
const NUMBERS = 16 * 3 * 32 * 32;
const ROUNDS = 15;
/** What the aim allows, in microseconds a number. */
const AIM = 0.3;

const process_ = diffusionProcess(scheduleSchema.parse({}));
const random = new Generator(0);
const [x, x0, eps, z] = [0, 1, 2, 3].map(() => random.normal(SHAPE));
/** A network that costs nothing. */
const denoiser: Denoiser = async () => ({ x0: x0 as never, eps: eps as never });

/** Microseconds a number of one step in the middle of a path, its denoiser and its noise for nothing. */
const timeOf = async (kind: (typeof samplerKinds)[number]): Promise<number> => {
  const spec = samplerSchema.parse({ kind, steps: 20, ...(kind === "langevin" && { stepsPerLevel: 1 }) });
  const { sampler, levels } = openSampler(spec, process_);
  const args = { denoise: denoiser, noise: () => z as never };
  let memory = sampler.init(levels);
  const step = async (i: number): Promise<number> => {
    const start = performance.now();
    const result = await sampler.step({
      ...args,
      x: x as never,
      from: levels[i] as never,
      to: levels[i + 1] as never,
      memory,
    });
    memory = result.memory;
    return performance.now() - start;
  };
  for (let i = 0; i < 5; i++) await step(i); // histories are full, code is compiled
  const times: number[] = [];
  for (let k = 0; k < ROUNDS; k++) times.push(await step(5 + (k % 10)));
  return ((times.sort((a, b) => a - b)[ROUNDS >> 1] as number) * 1000) / NUMBERS;
};

const rows: string[] = [];
for (const kind of samplerKinds) {
  if (kind === "rk45" || kind === "ddim_inversion") continue; // as many evaluations as it takes; ddim's rule
  rows.push(`| \`${kind}\` | ${(await timeOf(kind)).toFixed(3)} |`);
}
process.stdout.write(`# A sampler's step

The aim is ${AIM} µs a number. Shape [${SHAPE}], denoiser and noise for nothing, median of ${ROUNDS} steps.

${new Date().toISOString().slice(0, 10)}; ${cpus()[0]?.model}, one core used; Node ${process.version}; load ${loadavg()[0]?.toFixed(1)} at the start.

| sampler | µs a number |
|---|---|
${rows.join("\n")}
`);

// Every sampler on densities whose best network is known: the order that it claims and the one measured, and how near
// its draws come to the data at equal evaluations.
//   node --import ./tools/typescript.mjs --conditions=undiffuse-source bench/samplers.ts > docs/samplers.md
import { Generator, NDArray } from "../src/base/index.ts";
import {
  type Denoiser,
  diffusionProcess,
  gaussianMixture,
  type NoiseProcess,
  noiseProcesses,
  scheduleSchema,
} from "../src/diffusion/index.ts";
import {
  openSampler,
  type SamplerKind,
  sample,
  samplerKinds,
  samplerSchema,
  samplerSummaries,
} from "../src/samplers/index.ts";

const DRAWS = 4000;
const BUDGETS = [5, 10, 20, 50];
/** Numbers of steps whose errors give an order: few enough that float32 does not end it. */
const STEPS = [12, 24] as const;
/** Kinds whose networks must be made for them, and the one that ends at noise. */
const apart: readonly SamplerKind[] = ["lcm", "tcd", "ddim_inversion"];
const stochastic: readonly SamplerKind[] = [
  "ancestral",
  "euler_ancestral",
  "edm",
  "dpm_sde",
  "langevin",
  "predictor_corrector",
  "lcm",
  "tcd",
];
/** PNDM's middles are timesteps, RK45 has no steps to halve. */
const unmeasured: readonly SamplerKind[] = [...stochastic, "pndm", "rk45", "ddim_inversion"];

const line = gaussianMixture([
  { weight: 1, mean: [-0.8], deviation: 0.5 },
  { weight: 2, mean: [0.7], deviation: 0.6 },
]);
const plane = gaussianMixture([
  { weight: 1, mean: [-0.7, 0.3], deviation: 0.15 },
  { weight: 3, mean: [0.6, -0.2], deviation: 0.25 },
]);
const chain = diffusionProcess(scheduleSchema.parse({}));
/** Clear of both ends, where no step is small. */
const flat: NoiseProcess = { ...noiseProcesses.vp(), span: [0.05, 1] };

const open = (spec: object, process: NoiseProcess) =>
  openSampler(samplerSchema.parse({ clip: null, ...spec }), process);

const walk = async (
  spec: object,
  { process, x, noise }: { process: NoiseProcess; x: NDArray; noise: () => NDArray },
): Promise<NDArray> => {
  const { sampler, levels, churn } = open(spec, process);
  const denoiser = x.shape[1] === 1 ? line.denoiser : plane.denoiser;
  let end = x;
  for await (const frame of sample({ denoiser, sampler, levels, churn, x, noise })) end = frame.x;
  return end;
};

/** How fast the error falls when steps are halved. */
const measuredOrder = async (kind: SamplerKind, more: object = {}): Promise<string> => {
  if (unmeasured.includes(kind)) return "";
  const x = NDArray.of([-1.6, -0.7, 0.1, 0.9, 1.7], [5, 1]);
  const path = { spacing: "linspace", sigmas: "exponential", final: "least" };
  const inFull = /^(dpm_m|dpm_si|deis|unipc)/.test(kind) ? { lowerOrderFinal: false } : {};
  const run = (spec: object) => walk({ ...path, ...spec }, { process: flat, x, noise: () => x });
  const truth = await run({ kind: "rk45", steps: 2, rtol: 1e-8, atol: 1e-8 });
  const [coarse, fine] = await Promise.all(
    STEPS.map(async (steps) => {
      const end = await run({ kind, steps, ...inFull, ...more });
      return Math.max(...end.sub(truth).abs().data);
    }),
  );
  return Math.log2((coarse as number) / (fine as number)).toFixed(1);
};

/** The most steps that stay within so many evaluations; null for none. */
const stepsWithin = (kind: SamplerKind, budget: number): number | null => {
  for (let steps = budget; steps > 0; steps--) {
    const needed = open({ kind, steps }, chain).sampler.evaluations(steps);
    if (needed !== null && needed <= budget) return steps;
  }
  return null;
};

/** The mean over 32 directions of the distance between sorted projections (Rabin et al. 2012). */
const slicedDistance = (a: NDArray, b: NDArray): number => {
  const project = ({ data }: NDArray, angle: number) =>
    Float64Array.from(
      { length: DRAWS },
      (_, k) => (data[2 * k] as number) * Math.cos(angle) + (data[2 * k + 1] as number) * Math.sin(angle),
    ).sort();
  const each = Array.from({ length: 32 }, (_, k) => {
    const [p, q] = [project(a, (Math.PI * k) / 32), project(b, (Math.PI * k) / 32)];
    return p.reduce((sum, value, i) => sum + Math.abs(value - (q[i] as number)), 0) / DRAWS;
  });
  return each.reduce((sum, value) => sum + value, 0) / each.length;
};

const truth = plane.sample(DRAWS, new Generator(100));
const errorAt = async (kind: SamplerKind, budget: number): Promise<string> => {
  const steps = stepsWithin(kind, budget);
  if (steps === null || apart.includes(kind)) return "";
  const generator = new Generator(1);
  const noise = () => generator.normal([DRAWS, 2]);
  return slicedDistance(truth, await walk({ kind, steps }, { process: chain, x: noise(), noise })).toFixed(3);
};

/** Families whose order can be chosen, at each that they have. */
const families: readonly (readonly [
  name: string,
  kind: SamplerKind,
  orders: readonly number[],
  more: object,
])[] = [
  ["`lms`", "lms", [1, 2, 3, 4], {}],
  ["`dpm_multistep`, x0", "dpm_multistep", [1, 2, 3], {}],
  ["`dpm_multistep`, eps", "dpm_multistep", [1, 2, 3], { algorithm: "dpmsolver" }],
  ["`dpm_singlestep`, x0", "dpm_singlestep", [1, 2, 3], {}],
  ["`dpm_singlestep`, eps", "dpm_singlestep", [1, 2, 3], { algorithm: "dpmsolver" }],
  ["`deis`", "deis", [1, 2, 3], {}],
  ["`unipc`, x0", "unipc", [1, 2, 3], {}],
  ["`unipc`, eps", "unipc", [1, 2, 3], { algorithm: "dpmsolver" }],
];
const familyRows: string[] = [];
for (const [name, kind, orders, more] of families) {
  const cells: string[] = [];
  for (const order of [1, 2, 3, 4])
    cells.push(orders.includes(order) ? await measuredOrder(kind, { order, ...more }) : "");
  familyRows.push(`| ${name} | ${cells.join(" | ")} |`);
}

/** Kinds that take more evaluations than the budgets, or as many as they need. */
const outside: string[] = [];
for (const [kind, more] of [
  ["rk45", {}],
  ["langevin", { steps: 20, stepsPerLevel: 40, stepSize: 1 }],
] as const) {
  const generator = new Generator(1);
  const noise = () => generator.normal([DRAWS, 2]);
  let evaluations = 0;
  const counted = async () => {
    const { sampler, levels } = open({ kind, ...more }, chain);
    let end = noise();
    const denoiser: Denoiser = (x, level) => {
      evaluations += 1;
      return plane.denoiser(x, level);
    };
    for await (const frame of sample({ denoiser, sampler, levels, x: end, noise })) end = frame.x;
    return end;
  };
  const error = slicedDistance(truth, await counted()).toFixed(3);
  outside.push(`\`${kind}\` comes to ${error} in ${evaluations}`);
}

const floor = slicedDistance(truth, plane.sample(DRAWS, new Generator(101)));
const rows: string[] = [];
for (const kind of samplerKinds) {
  const { sampler } = open({ kind }, chain);
  const evaluations = sampler.evaluations(10);
  const errors: string[] = [];
  for (const budget of BUDGETS) errors.push(await errorAt(kind, budget));
  const cells = [
    `\`${kind}\``,
    stochastic.includes(kind) ? "" : sampler.order || "",
    await measuredOrder(kind),
    evaluations ?? "as it needs",
    ...errors,
  ];
  rows.push(`| ${cells.join(" | ")} |`);
}

process.stdout.write(`# Samplers

Written by \`npm run docs:samplers\`; do not edit by hand.

Each is a step rule in a file of its own in [src/samplers](../src/samplers), a row of the catalogue there, and a
\`--sampler\` of \`undiffuse sample\`. A diffusers \`scheduler_config.json\` names one too (\`--scheduler\`).

${samplerKinds.map((kind) => `- \`${kind}\`: ${samplerSummaries[kind]}.`).join("\n")}

## Order and error

*Order* is how fast the error falls as steps shrink: claimed, and measured from ${STEPS.join(" to ")} steps of equal
length in λ on a mixture of two normal distributions, against an adaptive solution at 1e-8. Nothing stands where there
is no ODE to solve. *Evaluations* are those of ten steps. The other columns are the sliced distance of ${DRAWS} draws
to the data at so many evaluations, with the exact denoiser of a mixture in the plane, the linear schedule's thousand
timesteps, and every setting at its default: it is the sampler's error alone. Two sets of true draws are ${floor.toFixed(3)} apart;
less than that is chance. \`lcm\` and \`tcd\` are for networks that are consistency functions, of which the exact denoiser is
none. Deterministic samplers of high order need the fewest; what stochastic ones are good for, forgetting errors of the
network, an exact denoiser does not show. Outside the budgets: ${outside.join("; ")}.

| sampler | order | measured | evaluations | at ${BUDGETS.join(" | at ")} |
|---|---|---|---|${BUDGETS.map(() => "---").join("|")}|
${rows.join("\n")}

## Orders that can be chosen

The order measured, by the one asked for. The corrector of \`unipc\` adds one. The third order of \`dpm_multistep\` is as
published and as diffusers has it, with half the weight of the second derivative that its polynomial would give it;
\`deis\` gives it all.

| sampler | 1 | 2 | 3 | 4 |
|---|---|---|---|---|
${familyRows.join("\n")}
`);

// Every sampler on densities whose best network is known: the order that it claims and the one measured, and how near
// its draws come to the data at equal evaluations.
//   npm run docs:samplers
import { Generator, type NDArray } from "../src/base/index.ts";
import { CLEAN, type Denoiser, gaussianMixture, type Level } from "../src/diffusion/index.ts";
import {
  type OpenedSampler,
  rk45,
  type SamplerKind,
  samplerKinds,
  samplerSchema,
  samplerSummaries,
} from "../src/samplers/index.ts";
import { momentErrors, type Ordered, orderOf, solutionErrors } from "../test/samplers/orders.ts";
import { type Truth, truths } from "../test/samplers/truths.ts";
import { chain, opened, slicedDistance, solved, walk } from "../test/samplers/walks.ts";

const DRAWS = 4000;
const BUDGETS = [5, 10, 20, 50];

const plane = gaussianMixture([
  { weight: 1, mean: [-0.7, 0.3], deviation: 0.15 },
  { weight: 3, mean: [0.6, -0.2], deviation: 0.25 },
]);
const truth = plane.sample(DRAWS, new Generator(100));

/** The flow's end, which a consistency function goes to at once, to a tolerance beside which draws differ by more. */
const consistency: Denoiser = async (x, level) => {
  const sampler = rk45(chain, { rtol: 1e-2, atol: 1e-2 });
  const levels = [level, ...(level.t > 0 ? [chain.level(0)] : []), CLEAN];
  return { x0: await walk({ sampler, levels, limit: (same) => same }, { denoiser: plane.denoiser, x }) };
};
const distilled = (kind: SamplerKind): boolean => truths[kind].truths.some(({ is }) => is === "consistency");
const denoiserFor = (kind: SamplerKind): Denoiser => (distilled(kind) ? consistency : plane.denoiser);
/** Upwards, for the kind that begins with data. */
const inverts = (kind: SamplerKind): boolean => opened({ kind, steps: 2 }, chain).levels[0]?.sigma === 0;

interface Outcome {
  readonly error: number;
  readonly evaluations: number;
  readonly draws: number;
}

/** The error of a run: the sliced distance of its draws to the data, or for inversion that of its ends to the flow's. */
const outcomeOf = async (kind: SamplerKind, spec: object): Promise<Outcome> => {
  const [generator, open] = [new Generator(1), opened({ kind, ...spec }, chain)];
  const counts = { evaluations: 0, draws: 0 };
  const noise = () => {
    counts.draws += 1;
    return generator.normal([DRAWS, 2]);
  };
  const denoiser: Denoiser = (x, level) => {
    counts.evaluations += 1;
    return denoiserFor(kind)(x, level);
  };
  if (inverts(kind)) {
    const end = await walk(open, { denoiser, x: truth });
    return { error: distanceToFlow(end, await flowOf(open)), ...counts };
  }
  const x = generator.normal([DRAWS, 2]);
  return { error: slicedDistance(truth, await walk(open, { denoiser, x, noise })), ...counts };
};

const flowOf = ({ levels, limit }: OpenedSampler): Promise<NDArray> => {
  const ends = [chain.level(0), levels.at(-1) as Level];
  const inverse = { sampler: rk45(chain), levels: ends, limit };
  return solved(chain, inverse, { denoiser: plane.denoiser, x: truth });
};
const distanceToFlow = (a: NDArray, b: NDArray): number =>
  Math.sqrt(
    a
      .sub(b)
      .map((value) => value ** 2)
      .mean()
      .item(),
  );

/** Settings other than the defaults, for the reasons that the page gives. */
const settings: Partial<Record<SamplerKind, object>> = {
  tcd: { eta: 1 },
  predictor_corrector: { norms: "batch" },
  langevin: { stepsPerLevel: 1, stepSize: 0.4 },
};
const TOLERANCES = [1e-5, 1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3, 1, 3];

/** The finest settings that stay within so many evaluations. */
const finestWithin = async (kind: SamplerKind, budget: number): Promise<Outcome | null> => {
  const specs =
    opened({ kind }, chain).sampler.evaluations(1) === null
      ? TOLERANCES.map((rtol) => ({ rtol, atol: rtol }))
      : Array.from({ length: budget }, (_, i) => ({ steps: budget - i, ...settings[kind] }));
  for (const spec of specs) {
    const steps = "steps" in spec ? spec.steps : 1;
    const said = opened({ kind, ...spec }, chain).sampler.evaluations(steps);
    if (said !== null && said > budget) continue;
    const outcome = await outcomeOf(kind, spec);
    if (outcome.evaluations <= budget) return outcome;
  }
  return null;
};

/** What is true of a kind at its defaults, else the first that is true of it. */
const usual = (kind: SamplerKind): Truth | undefined => {
  const defaults = Object.entries(samplerSchema.parse({ kind }));
  const isUsual = ({ spec = {} }: Truth) =>
    Object.entries(spec).every(([key, value]) => defaults.some(([k, v]) => k === key && v === value));
  return truths[kind].truths.find(isUsual) ?? truths[kind].truths[0];
};
const isOrdered = (row: Truth | undefined): row is Ordered => row?.is === "ode" || row?.is === "sde";

/** The order measured: of the ends of an ODE, of the deviation of draws. */
const measured = async (kind: SamplerKind, row: Ordered): Promise<string> =>
  orderOf(row.is === "ode" ? await solutionErrors(kind, row) : await momentErrors(kind, row)).toFixed(1);

/** How many evaluations a step takes. */
const perStep = (kind: SamplerKind): string => {
  const { evaluations } = opened({ kind }, chain).sampler;
  const [twenty, ten] = [evaluations(20), evaluations(10)];
  return twenty === null || ten === null ? "as it needs" : String((twenty - ten) / 10);
};

const rows: string[] = [];
for (const kind of samplerKinds) {
  const outcomes: (Outcome | null)[] = [];
  for (const budget of BUDGETS) outcomes.push(await finestWithin(kind, budget));
  const row = usual(kind);
  const cells = [
    `\`${kind}\``,
    outcomes.some((outcome) => outcome !== null && outcome.draws > 0) ? "yes" : "no",
    opened({ kind }, chain).sampler.order || "",
    isOrdered(row) ? await measured(kind, row) : "",
    perStep(kind),
    ...outcomes.map((outcome) => outcome?.error.toFixed(3) ?? ""),
  ];
  rows.push(`| ${cells.join(" | ")} |`);
}

/** The orders of a kind that can be chosen, by its other settings. */
const chosen = new Map<string, string[]>();
for (const kind of samplerKinds)
  for (const row of truths[kind].truths) {
    if (row.is !== "ode" || !("order" in (row.spec ?? {}))) continue;
    const { order, ...rest } = row.spec as { readonly order: number };
    const name = [`\`${kind}\``, ...Object.values(rest)].join(", ");
    const cells = chosen.get(name) ?? ["", "", "", ""];
    cells[order - 1] = await measured(kind, row);
    chosen.set(name, cells);
  }
const orderRows = [...chosen].map(([name, cells]) => `| ${name} | ${cells.join(" | ")} |`);

const floor = slicedDistance(truth, plane.sample(DRAWS, new Generator(101)));
const long = {
  rk45: await outcomeOf("rk45", {}),
  langevin: await outcomeOf("langevin", { steps: 40, stepsPerLevel: 20, stepSize: 0.4 }),
};
const outside = Object.entries(long).map(
  ([kind, { error, evaluations }]) => `\`${kind}\` comes to ${error.toFixed(3)} in ${evaluations}`,
);

process.stdout.write(`# Samplers

Written by \`npm run docs:samplers\`; do not edit by hand.

Each is a step rule in a file of its own in [src/samplers](../src/samplers), a row of the catalogue there, and a
\`--sampler\` of \`undiffuse sample\`. A diffusers \`scheduler_config.json\` names one too (\`--scheduler\`).
[How such a file is read](schedulers.md) has the differences.

${samplerKinds.map((kind) => `- \`${kind}\`: ${samplerSummaries[kind]}.`).join("\n")}

## Order and error

*Draws* says whether a sampler draws noise on its way. *Order* is how fast the error falls as steps shrink: claimed, and
measured between two numbers of steps, the second twice the first, which the tests name for each: enough for the order to
show, too few for float32 to end it. Of a solver of the ODE it is that of its ends, with a mixture of two normal
distributions for data, against an adaptive solution at 1e-9; of one that draws, that of the deviation of its draws, with
Gaussian data, where it is computed without drawing. \`langevin\` claims none; its measured one is in more levels and
finer steps at once. \`predictor_corrector\`'s steps go by norms, so that nothing of it is computed without drawing;
\`lcm\` and \`tcd\` have no error that falls, with the network that they are for. *Evaluations* are those of a step.

The other columns are the sliced distance of ${DRAWS} draws to the data in at most so many evaluations, with the exact
denoiser of a mixture in the plane (for \`lcm\` and \`tcd\` its consistency function), the linear schedule's thousand
timesteps, and settings at their defaults: it is the sampler's error alone. For \`ddim_inversion\` it is the root mean
square distance to where the flow itself takes the data. Other settings: \`rk45\` has the smallest of a few tolerances
that stays within, if any does; \`langevin\` one step at a level, where it wants a hundred; \`predictor_corrector\` the
norms of the batch, as those of a point in a plane do not settle; \`tcd\` γ = 1, as below that it needs more of its
network than consistency. Two sets of true draws are ${floor.toFixed(3)} apart; less than that is chance. Deterministic
samplers of high order need the fewest; what stochastic ones are good for, forgetting errors of the network, an exact
denoiser does not show. Outside the budgets: ${outside.join("; ")}.

| sampler | draws | order | measured | evaluations | at ${BUDGETS.join(" | at ")} |
|---|---|---|---|---|${BUDGETS.map(() => "---").join("|")}|
${rows.join("\n")}

## Orders that can be chosen

The order measured, by the one asked for. The corrector of \`unipc\` adds one. The third order of \`dpm_multistep\` is as
published and as diffusers has it, with half the weight of the second derivative that its polynomial would give it: in
many steps its error is smaller than the second's, and falls as fast. \`deis\` gives it all. Rules that go by several
steps begin with ones of lower order. Where a path starts at noise alone, as here, that costs so little that float32 ends
the error first; from the middle of a path orders of 3 and 4 come down to 2 in many steps.

| sampler | 1 | 2 | 3 | 4 |
|---|---|---|---|---|
${orderRows.join("\n")}
`);

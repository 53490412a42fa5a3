import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { type Denoiser, diffusionProcess, scheduleSchema } from "../../src/diffusion/index.ts";
import { openSampler, samplerKinds, samplerSchema, samplerSummaries } from "../../src/samplers/index.ts";

const process = diffusionProcess(scheduleSchema.parse({ num_train_timesteps: 200 }));
const x = NDArray.of([1, 2]);
/** An estimate far outside [-1, 1]. */
const wide: Denoiser = async (x) => ({ x0: NDArray.of([-3, 4], x.shape), eps: x });

test("a kind alone is a whole specification", () => {
  expect(samplerSchema.parse({ kind: "ddim" })).toEqual({
    kind: "ddim",
    steps: 50,
    eta: 0,
    keepEps: false,
    spacing: "trailing",
    clip: 1,
  });
  expect(samplerSchema.parse({ kind: "ancestral" })).toEqual({
    kind: "ancestral",
    variance: "fixed_small",
    spacing: "trailing",
    clip: 1,
  });
});

test("ddim starts at the last trained timestep and ends at the clean level", () => {
  const { sampler, levels, limit } = openSampler(samplerSchema.parse({ kind: "ddim", clip: null }), process);
  expect(sampler.name).toBe("ddim");
  expect(levels.length).toBe(51);
  expect(levels[0]).toEqual(process.level(199));
  expect(levels.at(-1)).toEqual({ alpha: 1, sigma: 0, t: -1 });
  expect(limit(wide)).toBe(wide);
});

test("clipping keeps the network's eps only where a specification asks for it", async () => {
  const limited = (spec: object) =>
    openSampler(samplerSchema.parse(spec), process).limit(wide)(x, process.level(9));
  expect(await limited({ kind: "ddim" })).toEqual({ x0: NDArray.of([-1, 1]) });
  expect(await limited({ kind: "ddim", keepEps: true, clip: 2 })).toEqual({
    x0: NDArray.of([-2, 2]),
    eps: x,
  });
});

test("thresholding divides by a quantile", async () => {
  const spec = samplerSchema.parse({ kind: "euler", clip: { quantile: 1, max: 10 } });
  const { x0 } = await openSampler(spec, process).limit(wide)(NDArray.of([1, 2], [1, 2]), process.level(9));
  expect(x0).toEqual(NDArray.of([-0.75, 1], [1, 2]));
});

test.each(["leading", "linspace", "trailing"])(
  "ancestral sampling visits every timestep unless told fewer, %s",
  (spacing) => {
    const open = (steps?: number) =>
      openSampler(samplerSchema.parse({ kind: "ancestral", spacing, steps }), process);
    expect(open().sampler.name).toBe("ancestral");
    expect(open().levels.map(({ t }) => t)).toEqual(Array.from({ length: 201 }, (_, i) => 199 - i));
    expect(open(10).levels.length).toBe(11);
  },
);

test("more steps than trained timesteps are refused", () => {
  expect(() => openSampler(samplerSchema.parse({ kind: "ddim", steps: 201 }), process)).toThrow(
    "steps: expected an integer from 1 to 200",
  );
});

test.each([
  { kind: "no such sampler" },
  { kind: "ddim", variance: "fixed_small" },
  { kind: "ancestral", eta: 0.5 },
  { kind: "ddim", eta: 1.5 },
  { kind: "ddim", steps: 0 },
  { kind: "ddim", clip: 0 },
  { kind: "ddim", spacing: "karras" },
])("what no sampler can do is refused: %o", (spec) => {
  expect(samplerSchema.safeParse(spec).success).toBe(false);
});

test("the page that measures them lists the kinds of the catalogue", () => {
  const page = readFileSync(new URL("../../docs/samplers.md", import.meta.url), "utf8");
  const listed = [...page.matchAll(/^- `(\w+)`: (.*)\.$/gm)].map(([, kind, summary]) => [kind, summary]);
  expect(listed).toEqual(samplerKinds.map((kind) => [kind, samplerSummaries[kind]]));
  const [, table = ""] = page.split("## Order and error");
  const measured = [...(table.split("\n## ")[0] ?? "").matchAll(/^\| `(\w+)` \|/gm)].map(([, kind]) => kind);
  expect(measured).toEqual([...samplerKinds]);
});

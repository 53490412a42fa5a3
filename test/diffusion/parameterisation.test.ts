import { expect, test } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import {
  conversion,
  convertPrediction,
  diffusionProcess,
  edmInputScale,
  epsRecovery,
  epsToX0,
  type Level,
  noiseProcesses,
  type Prediction,
  predictionNames,
  predictions,
  qSample,
  scheduleSchema,
  x0Recovery,
  x0ToEps,
} from "../../src/diffusion/index.ts";

const process = diffusionProcess(scheduleSchema.parse({}));

/** One float32 rounding of x, magnified by dividing by alpha or sigma. */
const ROUNDING = 4 * 2 ** -24;

test("x0 and eps are found again in their mixture at every level", () => {
  const generator = new Generator(3);
  const [x0, eps] = [generator.uniform([8]), generator.normal([8])];
  const near = (got: NDArray, want: NDArray, scale: number) => {
    const bound = ROUNDING * (1 + Math.max(...eps.abs().data) * scale);
    for (const [i, value] of got.data.entries())
      expect(Math.abs(value - (want.data[i] as number))).toBeLessThan(bound);
  };
  for (let t = 0; t < process.steps; t += 27) {
    const level = process.level(t);
    const x = qSample(x0, eps, level);
    near(epsToX0(x, eps, level), x0, 1 / level.alpha);
    near(x0ToEps(x, x0, level), eps, 1 / level.sigma);
  }
});

test("at alpha = 0.6 and sigma = 0.8 the numbers are", () => {
  const level = { alpha: 0.6, sigma: 0.8 };
  const of = (value: number) => NDArray.of([value], [1]);
  expect(epsToX0(of(1), of(0.5), level).item()).toBeCloseTo((1 - 0.4) / 0.6, 6);
  expect(x0ToEps(of(1), of(0.5), level).item()).toBeCloseTo((1 - 0.3) / 0.8, 6);
});

const levels: Level[] = [
  ...[0, 1, 17, 250, 500, 750, 998, 999].map((t) => process.level(t)),
  ...Object.values(noiseProcesses).flatMap((open) => {
    const { span, level } = open();
    return [0.05, 0.3, 0.6, 0.95].map((share) => level(span[0] + share * (span[1] - span[0])));
  }),
];

test("every prediction is converted to every other and back, at every level", () => {
  const x = new Generator(1).normal([16]);
  const output = new Generator(2).normal([16]);
  for (const level of levels)
    for (const from of predictionNames)
      for (const to of predictionNames) {
        const said = convertPrediction(output, { x, level, from, to });
        const back = convertPrediction(said, { x, level, from: to, to: from });
        // What float32 keeps of the output beside x: it is as large as the larger of both in the other's unit.
        const scale = 1 + Math.max(...said.abs().data) * condition(level, from, to);
        for (const [i, value] of back.data.entries())
          expect(Math.abs(value - (output.data[i] as number))).toBeLessThan(1e-6 * scale);
      }
});

test("there and back is the identity, at every level of every process, in double precision", () => {
  const all: Level[] = [
    ...Array.from({ length: process.steps }, (_, t) => process.level(t)),
    ...Object.values(noiseProcesses).flatMap((open) => {
      const { span, level } = open();
      return Array.from({ length: 200 }, (_, k) => level(span[0] + (k / 200) * (span[1] - span[0])));
    }),
  ];
  for (const level of all)
    for (const from of predictionNames)
      for (const to of predictionNames) {
        const [there, back] = [conversion(level, { from, to }), conversion(level, { from: to, to: from })];
        expect(Math.abs(there.ofOutput * back.ofOutput - 1)).toBeLessThan(1e-6);
        const left = back.ofX + back.ofOutput * there.ofX;
        expect(Math.abs(left)).toBeLessThan(1e-6 * Math.max(1, Math.abs(back.ofX)));
      }
});

/** How much the conversion back magnifies an error. */
const condition = (level: Level, from: Prediction, to: Prediction): number => {
  const [a, b] = [predictions[from](level), predictions[to](level)];
  const [x0, eps] = [x0Recovery(b, level), epsRecovery(b, level)];
  return Math.abs(a.ofX0 * x0.ofOutput + a.ofEps * eps.ofOutput);
};

test("v is α ε − σ x0, x0 is α x − σ v, ε is α v + σ x", () => {
  const { alpha, sigma } = { alpha: 0.6, sigma: 0.8 };
  const [x0, eps] = [0.25, -1.5];
  const x = alpha * x0 + sigma * eps;
  const v = alpha * eps - sigma * x0;
  const level = { alpha, sigma };
  const { v_prediction } = predictions;
  expect(v_prediction(level)).toEqual({ ofX0: -sigma, ofEps: alpha });
  const ofX0 = x0Recovery(v_prediction(level), level);
  expect(ofX0.ofX * x + ofX0.ofOutput * v).toBeCloseTo(x0, 12);
  expect(alpha * x - sigma * v).toBeCloseTo(x0, 12);
  expect(alpha * v + sigma * x).toBeCloseTo(eps, 12);
});

test("EDM's F is D = cSkip y + cOut F turned round", () => {
  const [sigma, sigmaData] = [1.7, 0.5];
  const level = { alpha: 1, sigma };
  const cSkip = sigmaData ** 2 / (sigma ** 2 + sigmaData ** 2);
  const cOut = (sigma * sigmaData) / Math.hypot(sigma, sigmaData);
  const { ofX, ofOutput } = x0Recovery(predictions.edm(level), level);
  expect(ofX).toBeCloseTo(cSkip, 12);
  expect(ofOutput).toBeCloseTo(cOut, 12);
  const v = x0Recovery(predictions.edm_v(level), level);
  expect(v.ofX).toBeCloseTo(cSkip, 12);
  expect(v.ofOutput).toBeCloseTo(-cOut, 12);
  expect(edmInputScale(sigmaData)(level)).toBeCloseTo(1 / Math.hypot(sigma, sigmaData), 12);
});

test("noise alone says nothing of x0 to a network that predicts the noise, and all to one that predicts v", () => {
  const level = { alpha: 0, sigma: 1 };
  expect(() => x0Recovery(predictions.epsilon(), level)).toThrow("zero terminal SNR");
  const { ofX, ofOutput } = x0Recovery(predictions.v_prediction(level), level);
  expect([ofX + 0, ofOutput]).toEqual([0, -1]);
});

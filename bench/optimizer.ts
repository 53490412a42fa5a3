// Time of what follows a training step's gradients: clipping by the global norm, AdamW and the moving average.
//   node --import ./tools/typescript.mjs --conditions=undiffuse-source bench/optimizer.ts > bench/results/optimizer.md
// "loops" is the same in plain JavaScript, one loop for each act, in double precision as JavaScript computes.
import { availableParallelism, cpus, loadavg } from "node:os";
import { applyUpdate, clipFactor, FlatMemory, optimizerSchema, sumOfSquares } from "../src/optim/index.ts";

const ROUNDS = 21;
/** Elements of one gradient as onnxruntime gives it: a convolution from 128 to 128 channels. */
const ENTRY = 128 * 128 * 9;
const CLIP = 1;
const LEARNING_RATE = 1e-4;
const EMA_DECAY = 0.999;
/** What the fused update must move: g, p, m, v and ema read, the last four written. */
const BYTES_PER_PARAMETER = 36;
/** Before the first round that counts: code is compiled, and memory is touched, as in a running training. */
const WARM_UP = 5;

const spec = optimizerSchema.parse({ kind: "adamw" });
const { betas, eps, weightDecay } = spec as Extract<typeof spec, { kind: "adamw" }>;

interface Contender {
  /** Takes the gradients in, and gives their norm. */
  gather(gradients: readonly Float32Array[]): number;
  /** The norm of the gradients that were taken in. */
  norm(): number;
  /** Clips, moves the parameters, and their average after them. */
  update(step: number, norm: number): void;
  readonly parameters: Float32Array;
}

const fused = (start: Float32Array): Contender => {
  const memory = new FlatMemory(5, start.length);
  const [parameters, gradients, ema, ...slots] = memory.buffers as Float32Array[] as [
    Float32Array,
    Float32Array,
    Float32Array,
    ...Float32Array[],
  ];
  parameters.set(start);
  ema.set(start);
  return {
    parameters,
    gather(arrays) {
      let squares = 0;
      for (const [k, array] of arrays.entries()) {
        gradients.set(array, k * ENTRY);
        squares += sumOfSquares(memory, gradients.subarray(k * ENTRY, (k + 1) * ENTRY));
      }
      return Math.sqrt(squares);
    },
    norm: () => Math.sqrt(sumOfSquares(memory, gradients)),
    update(step, norm) {
      const gradientScale = clipFactor(norm, CLIP);
      const constants = { gradientScale, learningRate: LEARNING_RATE, emaDecay: EMA_DECAY, step };
      applyUpdate(spec, { parameters, gradients, ema, slots, ...constants }, memory);
    },
  };
};

const loops = (start: Float32Array): Contender => {
  const [parameters, ema] = [start.slice(), start.slice()];
  const [gradients, m, v] = [0, 1, 2].map(() => new Float32Array(start.length)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const globalNorm = () => {
    let sum = 0;
    for (let i = 0; i < gradients.length; i++) sum += (gradients[i] as number) ** 2;
    return Math.sqrt(sum);
  };
  const clip = (norm: number) => {
    const factor = CLIP / (norm + 1e-6);
    if (factor < 1)
      for (let i = 0; i < gradients.length; i++) gradients[i] = (gradients[i] as number) * factor;
  };
  const adamw = (step: number) => {
    const [b1, b2] = betas;
    const stepSize = LEARNING_RATE / (1 - b1 ** step);
    const correction = Math.sqrt(1 - b2 ** step);
    const kept = 1 - LEARNING_RATE * weightDecay;
    for (let i = 0; i < parameters.length; i++) {
      const g = gradients[i] as number;
      const mi = b1 * (m[i] as number) + (1 - b1) * g;
      const vi = b2 * (v[i] as number) + (1 - b2) * g * g;
      m[i] = mi;
      v[i] = vi;
      parameters[i] = kept * (parameters[i] as number) - (stepSize * mi) / (Math.sqrt(vi) / correction + eps);
    }
  };
  const follow = () => {
    for (let i = 0; i < ema.length; i++) {
      const a = ema[i] as number;
      ema[i] = a + (1 - EMA_DECAY) * ((parameters[i] as number) - a);
    }
  };
  return {
    parameters,
    gather(arrays) {
      gradients.fill(0);
      for (const [k, array] of arrays.entries())
        for (let i = 0; i < array.length; i++)
          gradients[k * ENTRY + i] = (gradients[k * ENTRY + i] as number) + (array[i] as number);
      return globalNorm();
    },
    norm: globalNorm,
    update(step, norm) {
      clip(norm);
      adamw(step);
      follow();
    },
  };
};

const acts = { gather: "gather and norm", norm: "norm alone", update: "clip, AdamW, EMA" } as const;
type Act = keyof typeof acts;

const round = (contender: Contender, gradients: readonly Float32Array[], step: number) => {
  const marks = [performance.now()];
  const mark = <T>(result: T): T => {
    marks.push(performance.now());
    return result;
  };
  const norm = mark(contender.gather(gradients));
  mark(contender.norm());
  mark(contender.update(step, norm));
  const [start, gathered, normed, end] = marks as [number, number, number, number];
  return { gather: gathered - start, norm: normed - gathered, update: end - normed };
};

/** Times of each act of both, a round after the other. */
const race = (entries: number) => {
  const start = Float32Array.from({ length: entries * ENTRY }, (_, i) => Math.sin(i) / 8);
  const gradients = Array.from({ length: entries }, (_, k) =>
    Float32Array.from({ length: ENTRY }, (_, i) => Math.cos(i * (k + 1)) / 100),
  );
  const [before, after] = [loops(start), fused(start)];
  const times = Array.from({ length: WARM_UP + ROUNDS }, (_, i) => ({
    before: round(before, gradients, i + 1),
    after: round(after, gradients, i + 1),
  })).slice(WARM_UP);
  const apart = before.parameters.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - (after.parameters[i] as number))),
    0,
  );
  return { times, apart, count: start.length };
};

const quantile = (times: readonly number[], q: number): number =>
  [...times].sort((a, b) => a - b)[Math.floor(q * (times.length - 1))] as number;

console.log(`# Optimizer pass

${new Date().toISOString().slice(0, 10)}; ${cpus()[0]?.model}, ${availableParallelism()} cores, one used; Node ${process.version}; load ${loadavg()[0]?.toFixed(1)} at the start.
Milliseconds per 10M parameters: median (least) of ${ROUNDS} interleaved rounds. Gradients come in arrays of ${ENTRY};
a training step gathers and updates once, "norm alone" is for comparison. GB/s counts ${BYTES_PER_PARAMETER} bytes a parameter in the
fused update's least time; "apart" is the largest difference between two parameters at the end.

| parameters | act | loops | fused | ratio | GB/s | apart |
|---|---|---|---|---|---|---|`);
for (const millions of [1.6, 10, 35.7]) {
  const { times, apart, count } = race(Math.round((millions * 1e6) / ENTRY));
  const show = (all: readonly number[]) =>
    [0.5, 0]
      .map((q) => ((quantile(all, q) * 1e7) / count).toFixed(1))
      .join(" (")
      .concat(")");
  for (const act of Object.keys(acts) as Act[]) {
    const [before, after] = [times.map((time) => time.before[act]), times.map((time) => time.after[act])];
    const ratio = (quantile(before, 0.5) / quantile(after, 0.5)).toFixed(1);
    const rate = ((BYTES_PER_PARAMETER * count) / quantile(after, 0) / 1e6).toFixed(0);
    const more = act === "update" ? [rate, apart.toExponential(0)] : ["", ""];
    const size = `${(count / 1e6).toFixed(1)}M`;
    console.log(`| ${[size, acts[act], show(before), show(after), ratio, ...more].join(" | ")} |`);
  }
}

// Time of what follows a training step's gradients: the global norm, clipping by it, AdamW and the moving average, in
// WebAssembly, in the native engine and in PyTorch, one turn of each after the other:
//   PYTHON=/path/to/venv/bin/python node --import ./tools/typescript.mjs --conditions=undiffuse-source bench/optimizer.ts
// The Python environment holds bench/peers/requirements.txt.
import { loadavg } from "node:os";
import { host } from "#host";
import { lower } from "../src/lower/index.ts";
import {
  applyUpdate,
  clipFactor,
  EngineMemory,
  type FlatMemory,
  optimizerSchema,
  sumOfSquares,
  WasmMemory,
} from "../src/optim/index.ts";
import { trace } from "../src/tensor/index.ts";
import { alone, machine, median, openPeer, ratio, THREADS } from "./peer.ts";

const ROUNDS = 21;
/** Before the first round that counts: code is compiled, and memory is touched, as in a running training. */
const WARM_UP = 5;
/** Elements of one gradient: a convolution from 128 to 128 channels. */
const ENTRY = 128 * 128 * 9;
const CLIP = 1;
const spec = optimizerSchema.parse({ kind: "adamw" });

/** One pass over a memory; `gather` first copies the gradients there, as they come out of onnxruntime. */
const open = (memory: FlatMemory, entries: number, gather: boolean) => {
  const [parameters, gradients, ema, ...slots] = memory.buffers as [
    Float32Array,
    Float32Array,
    Float32Array,
    ...Float32Array[],
  ];
  parameters.forEach((_, i) => {
    parameters[i] = Math.sin(i) / 8;
  });
  ema.set(parameters);
  const arrays = Array.from({ length: entries }, (_, k) =>
    Float32Array.from({ length: ENTRY }, (_, i) => Math.cos(i * (k + 1)) / 100),
  );
  const copy = () => {
    for (const [k, array] of arrays.entries()) gradients.set(array, k * ENTRY);
  };
  copy();
  let step = 0;
  const turn = async (): Promise<number> => {
    const started = performance.now();
    if (gather) copy();
    const gradientScale = clipFactor(Math.sqrt(await sumOfSquares(memory, gradients)), CLIP);
    const constants = { gradientScale, learningRate: 1e-4, emaDecay: 0.999, step: ++step };
    await applyUpdate(spec, { parameters, gradients, ema, slots, ...constants }, memory);
    return performance.now() - started;
  };
  return { turn, parameters };
};

/** Any plan opens a session of the engine, which has the kernels. */
const plan = lower(
  trace({ x: { shape: [1] } }, ({ x }) => ({ y: x.add(1) })),
  { target: { engine: "native", block: 1 } },
);
const { pass } = await host.openSession(plan, { threads: THREADS });
if (!pass) throw new Error("the native engine has no kernels of the optimizer");

console.log(`${machine()}; load ${loadavg()[0]?.toFixed(1)} at the start.
Milliseconds per 10M parameters: median (least) of ${ROUNDS} interleaved rounds. Gradients come in arrays of ${ENTRY}.
"Apart" is the largest difference between two parameters of WebAssembly and engine at the end.

| parameters | WebAssembly with gathering | WebAssembly | engine | PyTorch foreach | PyTorch fused | engine / WebAssembly with gathering | engine / PyTorch fused | apart |
|---|---|---|---|---|---|---|---|---|`);
for (const millions of [1.6, 10, 35.7]) {
  const entries = Math.round((millions * 1e6) / ENTRY);
  const size = { count: 5, size: entries * ENTRY };
  const gathered = open(new WasmMemory(size), entries, true);
  const wasm = open(new WasmMemory(size), entries, false);
  const engine = open(new EngineMemory(pass, size), entries, false);
  const peer = await openPeer("optimizer.py", { entries, entry: ENTRY });
  const turns = [gathered.turn, wasm.turn, engine.turn, () => peer.turn("foreach"), () => peer.turn("fused")];
  const times = turns.map((): number[] => []);
  for (let round = -WARM_UP; round < ROUNDS; round++)
    for (const [i, turn] of turns.entries()) {
      const time = await alone(turn);
      if (round >= 0) times[i]?.push((time * 1e7) / size.size);
    }
  peer.close();
  const apart = engine.parameters.reduce(
    (most, value, i) => Math.max(most, Math.abs(value - (wasm.parameters[i] as number))),
    0,
  );
  const show = (all: readonly number[]) => `${median(all).toFixed(1)} (${Math.min(...all).toFixed(1)})`;
  const [first = [], , ours = [], , fused = []] = times;
  const ratios = [ratio(ours, first).toFixed(2), ratio(ours, fused).toFixed(2)];
  const row = [`${(size.size / 1e6).toFixed(1)}M`, ...times.map(show), ...ratios, apart.toExponential(0)];
  console.log(`| ${row.join(" | ")} |`);
}
process.exit();

import { host } from "#host";
import { lower } from "../../src/lower/index.ts";
import { EngineMemory, type FlatMemory, WasmMemory } from "../../src/optim/index.ts";
import { trace } from "../../src/tensor/index.ts";

interface Size {
  readonly count: number;
  readonly size: number;
}
type Kind = readonly [name: string, open: (size: Size) => FlatMemory];

/** Any plan: its session is there for its kernels. */
const plan = trace({ x: { shape: [1] } }, ({ x }) => ({ y: x.add(1) }));

const engine = async (): Promise<Kind[]> => {
  if (!host.nativeEngine()) return [];
  const model = lower(plan, { target: { engine: "native", block: 1 } });
  const { pass } = await host.openSession(model, { threads: 2 });
  if (!pass) throw new Error("the native engine has no kernels of the optimizer");
  return [["the native engine", (size) => new EngineMemory(pass, size)]];
};

/** Every kind of memory that runs the optimizer's kernels here. */
export const memories: readonly Kind[] = [
  ["WebAssembly", (size) => new WasmMemory(size)],
  ...(await engine()),
];

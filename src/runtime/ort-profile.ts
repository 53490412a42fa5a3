import { sizeOf } from "../base/index.ts";
import type { RunProfile } from "./session.ts";

type Shapes = readonly Readonly<Record<string, readonly number[]>>[];

/** An event of Chrome's trace format as onnxruntime writes it; times are in microseconds. */
interface TraceEvent {
  readonly cat?: string;
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
  /** Of a node. A shape's one key is its dtype. */
  readonly args?: {
    readonly op_name?: string;
    readonly input_type_shape?: Shapes;
    readonly output_type_shape?: Shapes;
  };
}

/** The runs of a session in its profile. A run's operations are the events of nodes that began within it. */
export const runsOf = (trace: readonly TraceEvent[]): RunProfile[] => {
  const nodes = trace.filter(({ cat }) => cat === "Node");
  return trace
    .filter(({ cat, name }) => cat === "Session" && name === "model_run")
    .map(({ ts, dur }) => ({
      ms: dur / 1000,
      operations: nodes
        .filter((node) => node.ts >= ts && node.ts <= ts + dur)
        .map((node) => ({ name: node.args?.op_name ?? "", ms: node.dur / 1000, flop: flopOf(node) })),
    }));
};

const convolution = (image: readonly number[], weight: readonly number[]): number =>
  2 * sizeOf(image) * sizeOf(weight.slice(1));

/** A product [m, k] · [k, n]: k from what the first operand holds, which may lie transposed. */
const product = (a: readonly number[], result: readonly number[]): number =>
  (2 * sizeOf(result) * sizeOf(a.slice(-2))) / (result.at(-2) ?? 1);

const flopOf = ({ args }: TraceEvent): number => {
  const [a = [], b = []] = shapesOf(args?.input_type_shape);
  const [result = []] = shapesOf(args?.output_type_shape);
  switch (args?.op_name) {
    case "Conv":
    case "FusedConv":
      return convolution(result, b);
    case "ConvTranspose":
      return convolution(a, b);
    case "MatMul":
    case "FusedMatMul":
    case "Gemm":
    case "FusedGemm":
      return product(a, result);
    default:
      return 0;
  }
};

const shapesOf = (shapes: Shapes = []): (readonly number[])[] =>
  shapes.flatMap((shape) => Object.values(shape));

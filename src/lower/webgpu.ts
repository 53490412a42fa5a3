import { elementType, type OnnxBuilder } from "./onnx-builder.ts";
import { type Lowering, portable } from "./portable.ts";

/**
 * For onnxruntime's WebGPU provider: {@link portable}, but for what it has no kernel for (Sign), and what its shading
 * language promises to 2⁻¹¹ and within ±π only (sine and cosine). Attention stays in parts: the provider's kernel that
 * keeps no scores is wrong by a tenth where subgroups are narrow (docs/devices.md).
 */
export const webgpu: Lowering = {
  ...portable,
  sign: (onnx, [x = ""]) => {
    const zero = onnx.float(0);
    const is = (a: string, b: string) =>
      onnx.node("Cast", [onnx.node("Greater", [a, b])], { to: elementType.float32 });
    return onnx.node("Sub", [is(x, zero), is(zero, x)]);
  },
  sin: (onnx, [x = ""]) => wave(onnx, x, 0),
  cos: (onnx, [x = ""]) => wave(onnx, x, 0.5),
};

/** π in three parts: multiples of the first two up to 2¹⁴ have few enough bits to be exact in float32. */
const part = (x: number, bits: number): number => Math.floor(x * 2 ** bits) / 2 ** bits;
const PI_HIGH = part(Math.PI, 6);
const PI_MIDDLE = part(Math.PI - PI_HIGH, 17);
const PI_LOW = Math.PI - PI_HIGH - PI_MIDDLE;

/** Of sin r = r + r·s(r²); the first term left out is below 6e-8 for |r| ≤ π/2. */
const SINE = [1 / 362_880, -1 / 5040, 1 / 120, -1 / 6];
const INNERMOST = -1 / 39_916_800;

/** sin(x + shift·π) for a shift of 0 or ½, as (−1)ᵏ sin r where r = x − (k − shift)·π is within ±π/2. */
const wave = (onnx: OnnxBuilder, x: string, shift: number): string => {
  const operator = (op: string) => (a: string, b: string | number) =>
    onnx.node(op, [a, typeof b === "number" ? onnx.float(b) : b]);
  const [add, subtract, times] = [operator("Add"), operator("Sub"), operator("Mul")] as const;
  const k = onnx.node("Floor", [add(times(x, 1 / Math.PI), shift + 0.5)]);
  const turns = shift === 0 ? k : subtract(k, shift);
  const r = [PI_HIGH, PI_MIDDLE, PI_LOW].reduce((rest, pi) => subtract(rest, times(turns, pi)), x);
  const square = times(r, r);
  const series = SINE.reduce(
    (inner, coefficient) => times(square, add(inner, coefficient)),
    times(square, INNERMOST),
  );
  const sine = add(times(r, series), r);
  const odd = subtract(k, times(onnx.node("Floor", [times(k, 0.5)]), 2));
  return times(sine, add(times(odd, -2), 1));
};

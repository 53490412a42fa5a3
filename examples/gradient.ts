// A traced function, its gradient, and both as one callable that runs on onnxruntime.
import { NDArray } from "undiffuse/base";
import { compile } from "undiffuse/runtime";
import { gradients, silu, trace } from "undiffuse/tensor";

const graph = trace({ x: { shape: [3] } }, ({ x }) => {
  const y = silu(x).sum();
  const [slope] = gradients(y, [x]);
  return { y, slope: slope ?? x };
});
const run = await compile(graph);
const { y, slope } = await run({ x: NDArray.of([-1, 0, 1]) });
console.log(`sum of x·sigmoid(x): ${y?.item().toFixed(4)}`);
console.log(`its slope at each x: ${[...(slope?.data ?? [])].map((value) => value.toFixed(4)).join(", ")}`);
await run.close();

import { host } from "#host";
import { NDArray } from "../base/index.ts";
import { BLOCKED, OnnxBuilder } from "../lower/index.ts";

/** More than any block, and a multiple of each. */
const CHANNELS = 64;
let known: Promise<number> | undefined;

/**
 * Channels in a block of onnxruntime's blocked layout on this machine; 1 where its build has none. Found by
 * reordering two pixels: the first channel of the second one lands behind a block of the first.
 */
export const blockSize = (): Promise<number> => {
  known ??= probe().catch(() => 1);
  return known;
};

const probe = async (): Promise<number> => {
  const onnx = new OnnxBuilder();
  const shape = [1, CHANNELS, 1, 2];
  onnx.input("x", "float32", shape);
  onnx.output("y", onnx.node(`${BLOCKED}/ReorderInput`, ["x"]), "float32", shape);
  const session = await host.openSession(onnx.finish(), { threads: 1 });
  const x = NDArray.of(
    Array.from({ length: 2 * CHANNELS }, (_, i) => i),
    shape,
  );
  const { y } = await session.run({ x });
  await session.close();
  const block = y?.data.indexOf(1) ?? 1;
  return block > 1 && CHANNELS % block === 0 ? block : 1;
};

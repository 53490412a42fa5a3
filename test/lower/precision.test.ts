import { expect, test } from "vitest";
import { roundedNodes } from "../../src/lower/native/precision.ts";
import {
  conv2d,
  gradients,
  groupNorm,
  input,
  type Tensor,
  topologicalOrder,
  transposeLast,
} from "../../src/tensor/index.ts";

const same = { stride: 1, padding: [1, 1, 1, 1] } as const;

/** Convolution, time, norm, tokens times a matrix, convolution, squared error. */
const network = () => {
  const [x, target] = [input([2, 3, 4, 4]), input([2, 3, 4, 4])];
  const [time, toTime] = [input([2, 5]), input([8, 5])];
  const [first, last, mix] = [input([8, 3, 3, 3]), input([3, 8, 3, 3]), input([8, 8])];
  const [scale, shift] = [input([8]), input([8])];
  const embedded = time.matmul(transposeLast(toTime));
  const image = conv2d(x, first, undefined, same);
  const timed = image.add(embedded.reshape([2, 8, 1, 1]));
  const normal = groupNorm(timed, scale, shift, { groups: 2, eps: 1e-5, silu: true });
  const tokens = normal.reshape([2, 8, 16]).transpose([0, 2, 1]).reshape([32, 8]).matmul(mix);
  const joined = tokens.reshape([2, 16, 8]).transpose([0, 2, 1]).reshape([2, 8, 4, 4]).add(timed);
  const predicted = conv2d(joined, last, undefined, same);
  const error = predicted.sub(target);
  const loss = error.mul(error).mean();
  const found = gradients(loss, [toTime, first, last, mix, scale, shift]);
  return { found, loss, image, timed, normal, tokens, joined, embedded, predicted, error };
};

test("a plan in bf16 rounds images, tokens and their gradients, and nothing else", () => {
  const { found, loss, ...nodes } = network();
  const outputs = new Set<Tensor>([loss, ...found]);
  const order = topologicalOrder(outputs);
  const rounded = roundedNodes(order, outputs);
  const names = Object.entries(nodes).filter(([, node]) => rounded.has(node));
  expect(names.map(([name]) => name)).toEqual(["image", "timed", "normal", "tokens", "joined"]);
  expect(order.filter(({ op }) => op === "conv2dInputGrad").every((node) => rounded.has(node))).toBe(true);
  // Of what is as small as a weight, or only says when, nothing.
  for (const node of rounded) expect(node.shape.reduce((size, n) => size * n)).toBeGreaterThanOrEqual(96);
});

test("what comes out is not rounded, nor is what it is a view of", () => {
  const [x, weight] = [input([1, 3, 4, 4]), input([8, 3, 3, 3])];
  const image = conv2d(x, weight, undefined, same);
  const outputs = [image.reshape([8, 16]), conv2d(image, input([8, 8, 3, 3]), undefined, same)];
  expect([...roundedNodes(topologicalOrder(outputs), new Set(outputs))]).toEqual([]);
});

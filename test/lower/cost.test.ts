import { expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { costOf } from "../../src/lower/index.ts";
import { attention, conv2d, trace } from "../../src/tensor/index.ts";

const array = (...shape: number[]) => NDArray.zeros(shape);

test("a convolution, a product and attention cost two operations a multiplication", () => {
  const feeds = { x: array(2, 3, 8, 6), w: array(5, 3, 3, 3), b: array(5), a: array(4, 7), c: array(7, 9) };
  const products = trace(feeds, ({ x, w, b, a, c }) => ({
    image: conv2d(x, w, b, { stride: 2, padding: [1, 1, 1, 1] }),
    product: a.matmul(c),
  }));
  expect(costOf(products).flop).toBe(2 * (2 * 5 * 4 * 3 * 3 * 9 + 4 * 7 * 9));
  const texts = { q: array(2, 10, 24), k: array(2, 11, 24), v: array(2, 11, 24) };
  const attended = trace(texts, ({ q, k, v }) => ({ y: attention(q, k, v, { heads: 3, scale: 1 }) }));
  expect(costOf(attended).flop).toBe(2 * 2 * 2 * 10 * 11 * 24);
});

test("memory is that of what lives at one time", () => {
  const x = array(1000);
  const chain = trace({ x, w: array(1000, 1000) }, ({ x, w }) => {
    let y = x.reshape([1, 1000]);
    for (let i = 0; i < 10; i++) y = y.matmul(w);
    return { y };
  });
  const { bytes } = costOf(chain);
  expect(bytes).toBeGreaterThanOrEqual(2 * 4000);
  expect(bytes).toBeLessThan(4 * 4000);
});

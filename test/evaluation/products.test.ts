import { expect, test } from "vitest";
import type { NDArray } from "../../src/base/index.ts";
import { innerProducts, pairProducts, squaredLengths } from "../../src/evaluation/products.ts";
import { normals } from "./sets.ts";

test("products come row after row, in double precision, for any number of rows", async () => {
  for (const n of [1, 2, 5, 8]) {
    const [a, b] = [normals(n, n, 3), normals(50 + n, 4, 3)];
    const seen: number[][] = [];
    await innerProducts(a, b, (i, products) => {
      seen[i] = [...products];
    });
    const expected = a
      .split()
      .map((x) =>
        b.split().map((y) => [...x.data].reduce((sum, v, k) => sum + v * (y.data[k] as number), 0)),
      );
    expect(seen).toEqual(expected);
  }
});

test("of a set with itself, each pair comes once", async () => {
  for (const n of [1, 4, 7]) {
    const rows = normals(n, n, 3);
    const seen: number[][] = [];
    await pairProducts(rows, (i, products) => {
      seen[i] = [...products];
    });
    const dot = (x: NDArray, y: NDArray) =>
      [...x.data].reduce((sum, v, k) => sum + v * (y.data[k] as number), 0);
    expect(seen).toEqual(
      rows.split().map((x, i) =>
        rows
          .split()
          .slice(0, i)
          .map((y) => dot(x, y)),
      ),
    );
  }
});

test("squared lengths are products of rows with themselves", () => {
  const rows = normals(1, 3, 4);
  expect([...squaredLengths(rows)]).toEqual(
    rows.split().map(({ data }) => [...data].reduce((sum, v) => sum + v * v, 0)),
  );
});

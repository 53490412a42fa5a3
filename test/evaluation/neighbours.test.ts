import { describe, expect, test } from "vitest";
import type { NDArray } from "../../src/base/index.ts";
import { nearestRows } from "../../src/evaluation/index.ts";
import { neighbourRadii } from "../../src/evaluation/neighbours.ts";
import { normals } from "./sets.ts";

/** Differences of float64 products of float32 numbers. */
const ROUNDING = 1e-12;

const distance = (a: NDArray, b: NDArray): number =>
  [...a.data].reduce((sum, value, k) => sum + (value - (b.data[k] as number)) ** 2, 0);

test("the radii of a row reach to its neighbours of each number asked for", async () => {
  const rows = normals(1, 11, 6);
  const ks = [3, 1];
  const radii = await neighbourRadii(rows, ks);
  ks.forEach((k, which) => {
    rows.split().forEach((row, i) => {
      const others = rows.split().flatMap((other, j) => (j === i ? [] : [distance(row, other)]));
      const expected = others.sort((a, b) => a - b)[k - 1] as number;
      expect(Math.abs((radii[which]?.[i] as number) - expected)).toBeLessThan(ROUNDING * 100);
    });
  });
});

describe("nearestRows", () => {
  test("is the nearest of all, for any number of queries", async () => {
    for (const n of [1, 3, 4, 9]) {
      const [queries, rows] = [normals(n, n, 5), normals(40, 13, 5)];
      const found = await nearestRows(queries, rows);
      queries.split().forEach((query, i) => {
        const all = rows.split().map((row) => distance(query, row));
        expect(all[found.index[i] as number]).toBe(Math.min(...all));
        expect(found.distance[i]).toBeCloseTo(Math.sqrt(Math.min(...all)), 9);
      });
    }
  });

  test("finds a copy at distance 0, the first of several", async () => {
    const rows = normals(2, 9, 4);
    const { index, distance } = await nearestRows(rows.rows(3, 5), rows);
    expect([...index]).toEqual([3, 4]);
    for (const each of distance) expect(each).toBeLessThan(1e-6);
  });
});

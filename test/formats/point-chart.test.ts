import { describe, expect, test } from "vitest";
import { pointChart, svgToPixels } from "../../src/formats/index.ts";

const point = (name: string, x: number, y: number) => ({ name, x, y, interval: null, area: 0.5 });
const svg = pointChart({
  title: "Dots & names",
  subtitle: "one line\nand another",
  x: { label: "speed", scale: "log" },
  y: { label: "distance", scale: "linear" },
  families: [
    { points: [point("a", 1, 2), point("b", 10, 4), { ...point("c", 100, 6), hollow: true, area: 1 }] },
    { points: [{ ...point("d", 10, 8), interval: [7, 9], area: 0 }] },
  ],
});
const circles = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)" fill="([^"]+)"/g)].map(
  ([, x, y, r, fill]) => ({ x: Number(x), y: Number(y), r: Number(r), fill }),
);
const [a, b, c, d] = circles as [Circle, Circle, Circle, Circle];
type Circle = (typeof circles)[number];

describe("a chart of points", () => {
  test("names title, axes and every dot", () => {
    for (const words of ["Dots &amp; names", "one line", "and another", "speed", "distance"])
      expect(svg).toContain(`>${words}<`);
    for (const name of ["a", "b", "c", "d"]) expect(svg).toContain(`>${name}</text>`);
  });

  test("places dots in proportion", () => {
    expect(b.x - a.x).toBeCloseTo(c.x - b.x, 0);
    expect(a.y - b.y).toBeCloseTo(b.y - c.y, 0);
    expect(d.x).toBe(b.x);
  });

  test("draws areas in proportion, but no dot too small to be seen", () => {
    expect((c.r / a.r) ** 2).toBeCloseTo(2, 1);
    expect(d.r).toBeGreaterThan(2);
  });

  test("gives a family a colour of its own, and draws rings", () => {
    expect(a.fill).toBe(b.fill);
    expect(d.fill).not.toBe(a.fill);
    expect(c.fill).toBe("#ffffff");
  });

  test("is a picture", async () => {
    const { shape } = await svgToPixels(svg);
    expect(shape).toHaveLength(3);
  });
});

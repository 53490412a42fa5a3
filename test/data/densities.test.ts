import { describe, expect, it } from "vitest";
import { densityComponents, densityNames } from "../../src/data/index.ts";

describe.each(densityNames)("the density %s", (name) => {
  const components = densityComponents(name);
  const n = components.length;

  it("has mean 0 and variance 1 over both coordinates", () => {
    for (const i of [0, 1])
      expect(components.reduce((sum, { mean }) => sum + (mean[i] as number), 0) / n).toBeCloseTo(0, 12);
    const square = components.reduce(
      (sum, { mean, deviation }) => sum + mean.reduce((all, value) => all + value ** 2, 2 * deviation ** 2),
      0,
    );
    expect(square / (2 * n)).toBeCloseTo(1, 12);
  });

  it("has classes from 0 upwards, of equal weight but for rounding", () => {
    const labels = components.map(({ label }) => label);
    const classes = Math.max(...labels) + 1;
    expect([...new Set(labels)].sort((a, b) => a - b)).toEqual(Array.from({ length: classes }, (_, k) => k));
    expect(classes).toBeGreaterThan(1);
    for (let label = 0; label < classes; label++)
      expect(Math.abs(labels.filter((each) => each === label).length - n / classes)).toBeLessThan(1);
    expect(new Set(components.map(({ weight }) => weight)).size).toBe(1);
  });
});

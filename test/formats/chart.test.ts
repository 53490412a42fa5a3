import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { type LineChart, lineChart, svgToPng } from "../../src/formats/index.ts";

const chart: LineChart = {
  title: "Two lines",
  subtitle: "and what they are",
  panels: [
    {
      title: "plain",
      xLabel: "t",
      series: [
        { name: "one", x: [0, 1, 2], y: [0, 1, 4] },
        { name: "two", x: [0, 1, 2], y: [4, 1, 0] },
      ],
    },
    {
      title: "logarithmic",
      xLabel: "t",
      yScale: "log",
      series: [{ name: "one", x: [0, 1, 2], y: [0, 0.001, 100] }],
    },
  ],
};
const strokes = (svg: string, colour: string) =>
  svg.match(new RegExp(`<path[^>]*stroke="${colour}"`, "gi")) ?? [];

describe("lineChart", () => {
  const svg = lineChart(chart);
  it("names its title, panels, axes and series", () => {
    for (const words of ["Two lines", "and what they are", "plain", "logarithmic", "one", "two", ">t<"])
      expect(svg).toContain(words);
  });

  it("draws a series in one colour everywhere, a line a panel", () => {
    expect(strokes(svg, "#0072b2")).toHaveLength(2);
    expect(strokes(svg, "#d55e00")).toHaveLength(1);
  });

  it("writes powers of ten on a logarithmic axis, and leaves zero out", () => {
    expect(svg).toContain("10⁻³");
    expect(svg).toContain("10²");
    expect(svg).not.toMatch(/NaN|Infinity/);
  });

  it("gives the same text for the same chart", () => {
    expect(lineChart(chart)).toBe(svg);
  });
});

describe("svgToPng", () => {
  it("draws at twice the size", async () => {
    const svg = lineChart(chart);
    const width = Number(svg.match(/width="(\d+)"/)?.[1]);
    const metadata = await sharp(await svgToPng(svg)).metadata();
    expect(metadata.format).toBe("png");
    expect(metadata.width).toBe(2 * width);
  });
});

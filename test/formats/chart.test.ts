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
      series: [{ name: "one", x: [0, 1, 2, 3], y: [0, 0.001, 0.1, 100] }],
    },
  ],
};
const strokes = (svg: string, colour: string) =>
  svg.match(new RegExp(`<path[^>]*stroke="${colour}"`, "gi")) ?? [];

/** The corners of a drawn line, in pixels. */
const corners = (stroke: string): [number, number][] =>
  [...(stroke.match(/ d="([^"]*)"/)?.[1] ?? "").matchAll(/(-?[\d.]+)[ ,](-?[\d.]+)/g)].map(([, x, y]) => [
    Number(x),
    Number(y),
  ]);
/** Where a line's corners lie between its first and its last, from 0 to 1. */
const shares = (stroke: string): [number, number][] => {
  const points = corners(stroke);
  const [[x0, y0], [x1, y1]] = [points[0], points.at(-1)] as [[number, number], [number, number]];
  return points.map(([x, y]) => [(x - x0) / (x1 - x0), (y - y0) / (y1 - y0)]);
};
const empty: LineChart = {
  title: "Nothing",
  panels: [{ title: "p", xLabel: "t", yScale: "log", series: [{ name: "zero", x: [0], y: [0] }] }],
};

describe("lineChart", async () => {
  const svg = await lineChart(chart);
  it("names its title, panels, axes and series", () => {
    for (const words of ["Two lines", "and what they are", "plain", "logarithmic", "one", "two", ">t<"])
      expect(svg).toContain(words);
  });

  it("draws a series in one colour everywhere, a line a panel", () => {
    expect(strokes(svg, "#0072b2")).toHaveLength(2);
    expect(strokes(svg, "#d55e00")).toHaveLength(1);
  });

  it("draws values in proportion, on a logarithmic axis their exponents, and leaves zero out", () => {
    const [plain, logarithmic] = strokes(svg, "#0072b2") as [string, string];
    const near = (found: [number, number][], expected: [number, number][]) => {
      expect(found).toHaveLength(expected.length);
      for (const [k, pair] of expected.entries())
        for (const axis of [0, 1] as const) expect(found[k]?.[axis]).toBeCloseTo(pair[axis], 3);
    };
    near(shares(plain), [
      [0, 0],
      [0.5, 0.25],
      [1, 1],
    ]);
    near(shares(logarithmic), [
      [0, 0],
      [0.5, 0.4],
      [1, 1],
    ]);
    expect(svg).not.toMatch(/NaN|Infinity/);
  });

  it("labels a logarithmic axis with powers of ten, evenly when they are many", async () => {
    for (const power of ["10⁻³", "10⁻²", "10⁰", "10²"]) expect(svg).toContain(`>${power}<`);
    const series = [{ name: "wide", x: [0, 1], y: [1e-9, 1e5] }];
    const wide = await lineChart({ title: "", panels: [{ title: "", xLabel: "", yScale: "log", series }] });
    expect([...wide.matchAll(/>(10[⁻⁰-⁹¹²³]+)</g)].map(([, power]) => power)).toEqual([
      "10⁻⁹",
      "10⁻⁶",
      "10⁻³",
      "10⁰",
      "10³",
      "10⁶",
    ]);
  });

  it("places a logarithmic x axis by exponents, and labels it where it is told to", async () => {
    const panel = { title: "", xLabel: "", xScale: "log", series: [] } as const;
    const series = [{ name: "one", x: [0, 1, 10, 1000], y: [7, 0, 1, 3] }];
    const told = await lineChart({ title: "", panels: [{ ...panel, xTicks: [1, 50, 1000], series }] });
    const [line] = strokes(told, "#0072b2") as [string];
    expect(shares(line).map(([x]) => Number(x.toFixed(2)))).toEqual([0, 0.33, 1]);
    for (const label of ["1", "50", "1000"]) expect(told).toContain(`>${label}<`);
    const one = await lineChart({ title: "", panels: [{ ...panel, xTicks: [10], series: [] }] });
    expect(one).toContain(">10<");
    expect(one).not.toMatch(/NaN|Infinity/);
    const free = await lineChart({ title: "", panels: [{ ...panel, series }] });
    for (const power of ["10⁰", "10³"]) expect(free).toContain(`>${power}<`);
  });

  it("draws dashes, and dots at the points of a line", async () => {
    const line = { name: "one", x: [0, 1, 2], y: [0, 1, 4] };
    const draw = (style: "line" | "dashed" | "dotted") =>
      lineChart({ title: "", panels: [{ title: "", xLabel: "", series: [{ ...line, style }] }] });
    const dashes = (svg: string) => svg.match(/stroke-dasharray="7,5"/g)?.length ?? 0;
    const circles = (svg: string) => svg.match(/A1 1 0/g)?.length ?? 0;
    const [plain, dashed, dotted] = await Promise.all([draw("line"), draw("dashed"), draw("dotted")]);
    expect(dashes(plain)).toBe(0);
    expect(dashes(dashed)).toBe(1);
    expect(circles(dotted) - circles(plain)).toBeGreaterThanOrEqual(3);
  });

  it("gives a subtitle as many lines as it has, and the width that its longest needs", async () => {
    const widthOf = (text: string) => Number(text.match(/width="([\d.]+)"/)?.[1]);
    expect(widthOf(await lineChart({ ...empty, subtitle: `${"m".repeat(99)}\nshort` }))).toBeGreaterThan(700);
    const heightOf = (text: string) => Number(text.match(/height="(\d+)"/)?.[1]);
    const two = await lineChart({ ...empty, subtitle: "one\ntwo" });
    expect(heightOf(two)).toBe(heightOf(await lineChart({ ...empty, subtitle: "one" })) + 18);
  });

  it("draws axes for a panel with nothing to draw", async () => {
    const axes = await lineChart(empty);
    expect(axes).toContain(">10¹<");
    expect(axes).not.toMatch(/NaN|Infinity/);
  });

  it("gives a legend as many rows as it needs", async () => {
    const series = Array.from({ length: 5 }, (_, k) => ({
      name: `series number ${k} of five`,
      x: [0, 1],
      y: [0, k],
    }));
    const tall = await lineChart({ title: "", panels: [{ title: "", xLabel: "", series }] });
    const heightOf = (text: string) => Number(text.match(/height="(\d+)"/)?.[1]);
    const places = series.map(({ name }) =>
      Number(tall.match(new RegExp(`translate\\([\\d.]+ ([\\d.]+)\\)"[^>]*>${name}`))?.[1]),
    );
    expect(new Set(places).size).toBeGreaterThan(1);
    expect(places.every(Number.isFinite)).toBe(true);
    expect(heightOf(tall)).toBeGreaterThan(heightOf(await lineChart(empty)));
  });

  it("gives a document that stays whole, whatever its words", async () => {
    const text = 'a < b & "c" $1 $&';
    const odd = await lineChart({ ...empty, title: text, subtitle: text });
    expect(odd).toContain("<title>a &lt; b &amp; &quot;c&quot; $1 $&amp;</title>");
    await expect(sharp(Buffer.from(odd)).metadata()).resolves.toMatchObject({ format: "svg" });
  });

  it("gives the same text for the same chart", async () => {
    expect(await lineChart(chart)).toBe(svg);
  });
});

describe("svgToPng", () => {
  it("draws at twice the size, in the very colours", async () => {
    const colours = Array.from({ length: 600 }, (_, k) => `rgb(${k % 256},${k >> 8},7)`);
    const squares = colours.map((fill, k) => `<rect x="${k}" width="1" height="1" fill="${fill}"/>`);
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="601" height="2">${squares.join("")}</svg>`;
    const { data, info } = await sharp(await svgToPng(svg))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width: 1202, height: 4, channels: 3 });
    const pixels = colours.map((_, k) => `rgb(${data[6 * k]},${data[6 * k + 1]},${data[6 * k + 2]})`);
    expect(pixels).toEqual(colours);
    expect([...data.subarray(-3)]).toEqual([255, 255, 255]);
  });

  it("writes letters", async () => {
    const svg = (word: string) =>
      `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><text y="16">${word}</text></svg>`;
    const [narrow, wide] = await Promise.all([svgToPng(svg("i")), svgToPng(svg("M"))]);
    expect(narrow).not.toEqual(wide);
  });
});

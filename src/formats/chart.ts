import { escapeXml, fontFamily, inkColour, powerOfTen } from "./svg-text.ts";

/** One line of a panel; points that are not finite, or not positive on a logarithmic axis, are left out. */
export interface Series {
  readonly name: string;
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  /** How the line is drawn: whole, in dashes, or with a dot at each point. */
  readonly style?: "line" | "dashed" | "dotted";
}

/** One pair of axes. */
export interface Panel {
  readonly title: string;
  readonly xLabel: string;
  readonly xScale?: "linear" | "log";
  /** Where the x axis is labelled: it runs over them and all points. */
  readonly xTicks?: readonly number[];
  readonly yScale?: "linear" | "log";
  readonly series: readonly Series[];
}

export interface LineChart {
  readonly title: string;
  /** Lines below the title. */
  readonly subtitle?: string;
  /** Side by side; series of one name have one colour. */
  readonly panels: readonly Panel[];
}

/** Colours that most kinds of colour blindness tell apart (Okabe and Ito 2008). */
export const palette = [
  "#0072b2",
  "#d55e00",
  "#009e73",
  "#cc79a7",
  "#e69f00",
  "#56b4e9",
  "#222222",
  "#8c6d31",
];
const faint = "#e4e4e4";
const ink = (fontSize: number) => ({ fontFamily, color: inkColour, fontSize });

// In pixels. The margin holds the tick labels of a panel's y axis.
const PANEL = { width: 300, height: 230, margin: 62, gap: 28 };
const PITCH = PANEL.margin + PANEL.width + PANEL.gap;
const EDGE = 12;
const HEADER = 80;
const SUBTITLE_ROW = 18;
const LEGEND_ROW = 24;
const FOOTER = 58;

/** The chart as an SVG document; the same input gives the same text. */
export const lineChart = async (spec: LineChart): Promise<string> => {
  const { panels } = spec;
  const names = [...new Set(panels.flatMap(({ series }) => series.map(({ name }) => name)))];
  const rows = legendRows(names, PITCH * panels.length);
  const header = HEADER + SUBTITLE_ROW * ((spec.subtitle?.split("\n").length ?? 1) - 1);
  const top = header + rows.length * LEGEND_ROW + 30;
  const lines = spec.subtitle?.split("\n").map((line) => line.length * LETTER) ?? [];
  const size = {
    width: Math.max(PITCH * panels.length, ...lines) + EDGE,
    height: top + PANEL.height + FOOTER,
  };
  const chart = (await echarts()).init(null, null, { renderer: "svg", ssr: true, ...size });
  chart.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    title: titles(spec, top),
    legend: rows.map((data, row) => legend(data, header + row * LEGEND_ROW - 12)),
    grid: panels.map((_, i) => ({
      left: i * PITCH + PANEL.margin,
      top,
      width: PANEL.width,
      height: PANEL.height,
    })),
    xAxis: panels.map(xAxis),
    yAxis: panels.map(yAxis),
    series: panels.flatMap((panel, i) =>
      panel.series.map((series) => line(panel, i, series, names.indexOf(series.name))),
    ),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return named(svg, spec.title);
};

/** The parts of echarts in use. They take most of a second to load, so only who draws waits for them. */
const echarts = async () => {
  const [core, { LineChart: Line }, { GridComponent, LegendComponent, TitleComponent }, { SVGRenderer }] =
    await Promise.all([
      import("echarts/core"),
      import("echarts/charts"),
      import("echarts/components"),
      import("echarts/renderers"),
    ]);
  core.use([Line, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);
  return core;
};

const titles = ({ title, subtitle, panels }: LineChart, top: number) => [
  {
    text: title,
    ...(subtitle && { subtext: subtitle }),
    left: EDGE,
    top: 10,
    padding: 0,
    textStyle: { ...ink(18), fontWeight: "bold" as const },
    subtextStyle: { ...ink(13), lineHeight: SUBTITLE_ROW },
  },
  ...panels.map((panel, i) => ({
    text: panel.title,
    left: i * PITCH + PANEL.margin,
    top: top - 28,
    padding: 0,
    textStyle: { ...ink(13), fontWeight: "bold" as const },
  })),
];

// Without a page nothing can be measured: a letter is taken for 0.62 of its height, wide for a sans-serif.
const LETTER = 13 * 0.62;
const SWATCH = 22;

/** Names in rows that fit a width. */
const legendRows = (names: readonly string[], width: number): string[][] => {
  const rows: string[][] = [];
  let used = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const needed = SWATCH + 30 + name.length * LETTER;
    if (used + needed > width) {
      rows.push([]);
      used = 0;
    }
    rows.at(-1)?.push(name);
    used += needed;
  }
  return rows;
};

const legend = (data: readonly string[], top: number) => ({
  data: [...data],
  left: EDGE,
  top,
  padding: 0,
  itemGap: 44,
  icon: "roundRect",
  itemHeight: 4,
  itemWidth: SWATCH,
  textStyle: ink(13),
});

const xAxis = (panel: Panel, gridIndex: number) => ({
  ...axis(panel, 0, gridIndex),
  ...(panel.xTicks && ticks(panel, panel.xTicks)),
  name: panel.xLabel,
  nameLocation: "middle" as const,
  nameGap: 30,
  nameTextStyle: ink(12),
  axisLine: { onZero: false, lineStyle: { color: inkColour } },
  splitLine: { show: false },
});

const ticks = (panel: Panel, values: readonly number[]) => {
  const logarithmic = isLogarithmic(panel, 0);
  const customValues = logarithmic ? values.map(Math.log10) : [...values];
  const places = [
    customValues,
    ...panel.series.map((series) => points(panel, series).map(([x]) => x)),
  ].flat();
  const [min, max] = [Math.min(...places), Math.max(...places)];
  const room = min === max ? 1 : 0;
  return {
    min: min - room,
    max: max + room,
    axisTick: { customValues },
    axisLabel: {
      ...ink(12),
      customValues,
      ...(logarithmic && { formatter: (place: number) => String(Number((10 ** place).toPrecision(6))) }),
    },
  };
};

const yAxis = (panel: Panel, gridIndex: number) => ({
  ...axis(panel, 1, gridIndex),
  splitLine: { lineStyle: { color: faint } },
});

/** A point's places on the two axes. */
type Axis = 0 | 1;
const isLogarithmic = ({ xScale, yScale }: Panel, which: Axis): boolean =>
  (which === 0 ? xScale : yScale) === "log";

/** A logarithmic axis is a linear one of exponents, which keeps its ticks even. */
const axis = (panel: Panel, which: Axis, gridIndex: number) => {
  const logarithmic = isLogarithmic(panel, which);
  return {
    gridIndex,
    type: "value" as const,
    ...(logarithmic && decades(panel, which)),
    axisLabel: { ...ink(12), ...(logarithmic && { formatter: powerOfTen }) },
  };
};

const line = (panel: Panel, index: number, series: Series, colour: number) => ({
  name: series.name,
  type: "line" as const,
  xAxisIndex: index,
  yAxisIndex: index,
  showSymbol: series.style === "dotted",
  symbol: "circle",
  symbolSize: 7,
  lineStyle: { width: 2.2, ...(series.style === "dashed" && { type: [7, 5] }) },
  color: palette[colour % palette.length] as string,
  data: points(panel, series),
});

/** What is drawn of a series: x and y, or their exponents. */
const points = (panel: Panel, { x, y }: Series): [number, number][] => {
  const place = (value: number, which: Axis) => (isLogarithmic(panel, which) ? Math.log10(value) : value);
  return Array.from(x, (at, i): [number, number] => [place(at, 0), place(y[i] as number, 1)]).filter((pair) =>
    pair.every(Number.isFinite),
  );
};

/** Whole exponents around a panel's values, at most seven of them, 0 among them where they span it. */
const decades = (panel: Panel, which: Axis): { min: number; max: number; interval: number } => {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const series of panel.series)
    for (const { [which]: exponent } of points(panel, series)) {
      low = Math.min(low, exponent);
      high = Math.max(high, exponent);
    }
  if (low > high) return { min: 0, max: 1, interval: 1 };
  const interval = Math.ceil((Math.ceil(high) - Math.floor(low)) / 5) || 1;
  const min = Math.floor(low / interval) * interval;
  return { min, max: Math.max(Math.ceil(high / interval) * interval, min + interval), interval };
};

/** Names the picture for those who hear it; drops hover styles, and the numbers that make each text another. */
const named = (svg: string, title: string): string =>
  svg
    .replace(/<style[\s\S]*<\/style>\s*/, "")
    .replace(/ class="zr\d+-cls-\d+"/g, "")
    .replace(/zr\d+-/g, "zr-")
    .replace(
      /^<svg ([^>]*)>/,
      (_, attributes) => `<svg ${attributes} role="img">\n<title>${escapeXml(title)}</title>`,
    );

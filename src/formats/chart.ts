import * as echarts from "echarts";

/** One line of a panel; points with y that is not finite, or not positive on a logarithmic axis, are left out. */
export interface Series {
  readonly name: string;
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
}

/** One pair of axes. */
export interface Panel {
  readonly title: string;
  readonly xLabel: string;
  readonly yScale?: "linear" | "log";
  readonly series: readonly Series[];
}

export interface LineChart {
  readonly title: string;
  readonly subtitle?: string;
  /** Side by side; series of one name have one colour. */
  readonly panels: readonly Panel[];
}

/** Colours that most kinds of colour blindness tell apart (Okabe and Ito 2008). */
const palette = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const ink = "#222222";
const faint = "#e4e4e4";
export const fontFamily = "DejaVu Sans, Helvetica, Arial, sans-serif";

const PANEL = { width: 300, height: 230, left: 62, gap: 28 };
const TOP = 118;
const BOTTOM = 58;

/** The chart as an SVG document; the same input gives the same text. */
export const lineChart = ({ title, subtitle, panels }: LineChart): string => {
  const pitch = PANEL.left + PANEL.width + PANEL.gap;
  const size = { width: pitch * panels.length + 12, height: TOP + PANEL.height + BOTTOM };
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, ...size });
  const names = [...new Set(panels.flatMap(({ series }) => series.map(({ name }) => name)))];
  const text = { fontFamily, color: ink };
  chart.setOption({
    animation: false,
    color: palette,
    backgroundColor: "#ffffff",
    textStyle: text,
    title: [
      {
        text: title,
        subtext: subtitle ?? "",
        left: 12,
        top: 10,
        textStyle: { ...text, fontSize: 18 },
        subtextStyle: { ...text, fontSize: 12 },
      },
      ...panels.map((panel, i) => ({
        text: panel.title,
        left: i * pitch + PANEL.left,
        top: TOP - 30,
        padding: 0,
        textStyle: { ...text, fontSize: 13, fontWeight: "bold" as const },
      })),
    ],
    legend: {
      data: names,
      left: 12,
      top: 58,
      itemGap: 44,
      icon: "roundRect",
      itemHeight: 4,
      itemWidth: 22,
      textStyle: { ...text, fontSize: 13 },
    },
    grid: panels.map((_, i) => ({
      left: i * pitch + PANEL.left,
      top: TOP,
      width: PANEL.width,
      height: PANEL.height,
    })),
    xAxis: panels.map(({ xLabel }, gridIndex) => ({
      gridIndex,
      type: "value" as const,
      name: xLabel,
      nameLocation: "middle" as const,
      nameGap: 30,
      nameTextStyle: { ...text, fontSize: 12 },
      axisLine: { lineStyle: { color: ink } },
      axisLabel: { ...text, fontSize: 12 },
      splitLine: { show: false },
    })),
    yAxis: panels.map(({ yScale = "linear", series }, gridIndex) => ({
      gridIndex,
      ...(yScale === "log" ? { type: "log" as const, ...decadesAround(series) } : { type: "value" as const }),
      axisLabel: { ...text, fontSize: 12, ...(yScale === "log" && { formatter: powerOfTen }) },
      splitLine: { lineStyle: { color: faint } },
    })),
    series: panels.flatMap(({ series, yScale }, index) =>
      series.map((line) => ({
        name: line.name,
        type: "line" as const,
        xAxisIndex: index,
        yAxisIndex: index,
        showSymbol: false,
        lineStyle: { width: 2.2 },
        color: palette[names.indexOf(line.name) % palette.length] as string,
        data: pointsOf(line, yScale === "log"),
      })),
    ),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return withTitle(svg, title);
};

/** Names the picture for those who hear it; drops hover styles, and the numbers that make each text another. */
const withTitle = (svg: string, title: string): string =>
  svg
    .replace(/<style[\s\S]*<\/style>\s*/, "")
    .replace(/ class="zr\d+-cls-\d+"/g, "")
    .replace(/zr\d+-/g, "zr-")
    .replace(/^<svg ([^>]*)>/, `<svg $1 role="img">\n<title>${title}</title>`);

/** The whole powers of ten around the values. */
const decadesAround = (series: readonly Series[]): { min: number; max: number } => {
  const values = series.flatMap((line) => pointsOf(line, true).map(([, value]) => Math.log10(value)));
  return { min: 10 ** Math.floor(Math.min(...values)), max: 10 ** Math.ceil(Math.max(...values)) };
};

const superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const powerOfTen = (value: number): string => {
  const exponent = Math.round(Math.log10(value));
  const digits = [...String(Math.abs(exponent))].map((digit) => superscripts[Number(digit)]).join("");
  return `10${exponent < 0 ? "⁻" : ""}${digits}`;
};

const pointsOf = ({ x, y }: Series, positive: boolean): [number, number][] =>
  Array.from(x, (at, i): [number, number] => [at, y[i] as number]).filter(
    ([, value]) => Number.isFinite(value) && (!positive || value > 0),
  );

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { encodePng } from "../../src/formats/index.ts";
import { explain } from "./explain/draw.ts";
import { temporaryFolder, undiffuse } from "./program.ts";

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
});

const T = 1000;
const every = (f: (t: number) => number) => Array.from({ length: T }, (_, t) => f(t));
const cosine = (t: number) => Math.cos(((t / T + 0.008) / 1.008) * (Math.PI / 2)) ** 2;
/** The betas of the papers, in the order of the rows and colours. */
const betas = [
  every((t) => 1e-4 + ((0.02 - 1e-4) * t) / (T - 1)),
  every((t) => (Math.sqrt(0.00085) + ((Math.sqrt(0.012) - Math.sqrt(0.00085)) * t) / (T - 1)) ** 2),
  every((t) => Math.min(1 - cosine(t + 1) / cosine(t), 0.999)),
  every((t) => 1e-4 + (0.02 - 1e-4) / (1 + Math.exp(6 - (12 * t) / (T - 1)))),
  every(() => 1 - Math.exp(-12 / T)),
];
const barsOf = (values: readonly number[]) => {
  let bar = 1;
  return values.map((beta) => {
    bar *= 1 - beta;
    return bar;
  });
};

/** The drawn lines, each as its corners in pixels. */
const linesIn = (svg: string): [number, number][][] =>
  [...svg.matchAll(/<path d="([^"]*)"[^>]*stroke-width="2.2"/g)].map(([, path]) =>
    [...(path as string).matchAll(/(-?[\d.]+)[ ,](-?[\d.]+)/g)].map(([, x, y]) => [Number(x), Number(y)]),
  );

interface Tick {
  /** Of a logarithmic axis the exponent. */
  readonly value: number;
  readonly y: number;
}
const lowered = (digits: string) =>
  digits.replace(/./g, (digit) => "0123456789-"["⁰¹²³⁴⁵⁶⁷⁸⁹⁻".indexOf(digit)] as string);

/** The labelled ticks of each panel's y axis. */
const ticksIn = (svg: string): Tick[][] => {
  const panels = new Map<string, Tick[]>();
  for (const [, x, y, label] of svg.matchAll(/"end"[^>]*translate\(([\d.]+) ([\d.]+)\)[^>]*>([^<]+)</g)) {
    const power = /^10([⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+)$/.exec(label as string)?.[1];
    const tick = { value: Number(power ? lowered(power) : label), y: Number(y) };
    panels.set(x as string, [...(panels.get(x as string) ?? []), tick]);
  }
  return [...panels.values()];
};

/** A panel is 300 pixels wide and its axis ends at 1000. */
const PIXELS_A_STEP = 0.3;

/** Positions are written to a tenth of a pixel: a corner and the two ticks it is held to are half of that away. */
const CORNER_TOLERANCE = 3 * 0.05 + 1e-9;

/** Expects a line from t = 0 on to pass where the ticks place the values; some corners are not drawn. */
const expectDrawn = (
  line: readonly [number, number][],
  ticks: readonly Tick[],
  values: readonly number[],
) => {
  const [low, high] = [ticks[0], ticks.at(-1)] as [Tick, Tick];
  const yOf = (value: number) => low.y + ((value - low.value) / (high.value - low.value)) * (high.y - low.y);
  const left = (line[0] as [number, number])[0];
  const times = line.map(([x]) => Math.round((x - left) / PIXELS_A_STEP));
  expect(times.length).toBeGreaterThan(200);
  expect(times.at(-1)).toBeGreaterThan(T - 5);
  for (const [k, [, y]] of line.entries())
    expect(Math.abs(y - yOf(values[times[k] as number] as number))).toBeLessThan(CORNER_TOLERANCE);
};

/** Grey levels of the pictures inside an SVG, in order. */
const picturesIn = async (svg: string): Promise<number[][]> => {
  const found = [...svg.matchAll(/data:image\/png;base64,([^"]+)/g)];
  return Promise.all(
    found.map(async ([, data]) => [
      ...(await sharp(Buffer.from(data as string, "base64"))
        .raw()
        .toBuffer()),
    ]),
  );
};
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: readonly number[]) => {
  const middle = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
};
/** √mean((a − b)²) */
const distance = (a: readonly number[], b: readonly number[]) =>
  Math.sqrt(mean(a.map((value, i) => (value - (b[i] as number)) ** 2)));

describe("undiffuse explain schedule", () => {
  it("draws every schedule as the papers have it, and says where half of the signal is gone", async () => {
    const out = join(folder, "schedule.svg");
    const { code, stdout } = await explain(["schedule", "--out", out]);
    expect(code).toBe(0);
    const svg = await readFile(out, "utf8");
    for (const name of [
      "linear (β 0.0001 … 0.02)",
      "scaled_linear (β 0.00085 … 0.012)",
      "squaredcos_cap_v2",
      "sigmoid (β 0.0001 … 0.02)",
      "exponential",
    ])
      expect(svg).toContain(`>${name}<`);
    const bars = betas.map(barsOf);
    const lines = linesIn(svg);
    expect(lines).toHaveLength(3 * betas.length);
    const drawn = [
      ...betas.map((values) => values.map(Math.log10)),
      ...bars,
      ...bars.map((values) => values.map((bar) => Math.log10(bar / (1 - bar)))),
    ];
    const ticks = ticksIn(svg);
    expect(ticks).toHaveLength(3);
    for (const [k, values] of drawn.entries())
      expectDrawn(lines[k] as [number, number][], ticks[Math.floor(k / betas.length)] as Tick[], values);
    const said = stdout.trim().split("\n");
    expect(said[0]).toBe(out);
    for (const [k, values] of bars.entries()) {
      const half = values.findIndex((bar) => bar < 0.5);
      expect(said[k + 1]).toContain(`half noise at t = ${half} of 1000`);
      expect(said[k + 1]).toContain(`x_0 weighs ${Math.sqrt(values.at(-1) as number).toPrecision(2)} at`);
    }
  });

  it("draws those that are asked for, once each, with the ends that are given", async () => {
    const out = join(folder, "one.svg");
    const words = ["schedule", "--schedules", "linear, linear", "--beta-end", "0.5", "--out", out];
    const { stdout } = await explain(words);
    expect(stdout.match(/linear \(β 0\.0001 … 0\.5\)/g)).toHaveLength(1);
    const svg = await readFile(out, "utf8");
    expect(svg).not.toContain("squaredcos");
    expect(linesIn(svg)).toHaveLength(3);
  });
});

describe("undiffuse explain forward", () => {
  const SIDE = 32;
  /** Both extremes, so that its mean is that of noise but its spread is not. */
  const halves = Array.from({ length: 3 * SIDE * SIDE }, (_, i) => (i % SIDE < SIDE / 2 ? 0 : 255));
  /** 127.5 √E[clip(z, −1, 1)²] of a standard normal z: noise as far as pixels can show it. */
  const NOISE = 127.5 * Math.sqrt(1 - 2 * 0.24197);
  /** Four standard errors of a mean or, generously, a deviation of so many pixels. */
  const ERROR = (4 * NOISE) / Math.sqrt(3 * SIDE * SIDE);

  it("goes from the image to noise, the same noise in every row", async () => {
    const image = join(folder, "halves.png");
    await writeFile(image, await encodePng(NDArray.of(halves, [3, SIDE, SIDE], "uint8")));
    const out = join(folder, "forward.svg");
    const options = { image, size: SIDE, columns: 3, seed: 5, out };
    const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    expect((await explain(["forward", ...words])).code).toBe(0);
    const svg = await readFile(out, "utf8");
    for (const text of ["linear", "scaled_linear", "squaredcos_cap_v2", "t = 0", "t = 500", "t = 999"])
      expect(svg).toContain(`>${text}<`);
    const pictures = await picturesIn(svg);
    expect(pictures).toHaveLength(3 * betas.length);
    // In the PNG the channels of a pixel lie together: the halves alternate all the same.
    const clean = halves.map((_, i) => (Math.floor(i / 3) % SIDE < SIDE / 2 ? 0 : 255));
    for (const row of betas.keys()) {
      const [first, middle, last] = pictures.slice(3 * row, 3 * row + 3) as [number[], number[], number[]];
      const sigma = Math.sqrt((betas[row] as number[])[0] as number);
      // Half of the noise at an extreme is clipped away; half a level is rounding.
      expect(distance(first, clean)).toBeLessThan(127.5 * sigma + 0.5);
      expect(distance(middle, clean)).toBeGreaterThan(distance(first, clean));
      expect(distance(middle, clean)).toBeLessThan(distance(last, clean));
      expect(Math.abs(mean(last) - 127.5)).toBeLessThan(ERROR);
      expect(Math.abs(deviation(last) - NOISE)).toBeLessThan(ERROR);
    }
    // σ is all but 1 in both, and α is 0.0064 in the linear one.
    expect(distance(pictures[2] as number[], pictures[8] as number[])).toBeLessThan(127.5 * 0.0064 + 0.5);
  });

  it("noises the first packaged digit, by default at nine timesteps or all there are", async () => {
    const out = join(folder, "digit.svg");
    const words = ["forward", "--schedules", "squaredcos_cap_v2", "--out", out];
    expect((await explain(words)).stdout).toBe(`${out}\n`);
    const pictures = await picturesIn(await readFile(out, "utf8"));
    // Grey is decoded to three channels.
    expect(pictures.map(({ length }) => length)).toEqual(Array(9).fill(3 * 32 * 32));
    await explain([...words, "--timesteps", "4", "--size", "16"]);
    const few = await readFile(out, "utf8");
    expect([...few.matchAll(/>(t = \d+)</g)].map(([, heading]) => heading)).toEqual(
      [0, 1, 2, 3].map((t) => `t = ${t}`),
    );
    expect((await picturesIn(few))[0]).toHaveLength(3 * 16 * 16);
  });
});

describe("undiffuse explain", () => {
  const NO_STACK = /^(?![\s\S]*\n\s+at )/;

  it.each([
    [["schedule", "--schedules", "linear,cosine"], /--schedules: expected some of linear, .*got "cosine"/],
    [["schedule", "--out", "x.pdf"], /--out: expected a file that ends in \.svg or \.png, got "x\.pdf"/],
    [["schedule", "--beta-start", "0"], /--beta-start and --beta-end: .*got 0 and 0\.02 for linear/],
    [["schedule", "--beta-start", "0.5"], /expected 0 < start <= end < 1, got 0\.5 and 0\.02/],
    [["schedule", "--beta-end", "1"], /got 0\.0001 and 1 for linear/],
    [["schedule", "--schedules", "squaredcos_cap_v2", "--beta-end", "0.1"], /--beta-end: .*got none/],
    [["forward", "--timesteps", "5", "--columns", "6"], /--columns: expected 2 to 5, got 6/],
    [["forward", "--columns", "51"], /--columns: expected 2 to 50, got 51/],
    [["forward", "--size", "64"], /--size: expected 16 or 32 for the digit, got 64[\s\S]*--image/],
    [["schedule", "--timesteps", "1"], /at least 2, got "1"/],
  ])("ends with 2 and says which word is wrong: %s", async (words, pattern) => {
    const { code, stderr } = await explain(words);
    expect(stderr).toMatch(pattern);
    expect(stderr).toMatch(NO_STACK);
    expect(code).toBe(2);
  });

  it.each([
    [["--image", "no-such.png"], /no-such\.png: expected a readable picture, got no such file/],
    [["--image", "package.json"], /package\.json: expected one of png, /],
    [["--out", "no-such-folder/x.svg"], /no-such-folder\/x\.svg: .*its folder does not exist/],
  ])("ends with 1 and says which file fails: %s", async (words, pattern) => {
    const { code, stderr } = await explain(["forward", ...words]);
    expect(stderr).toMatch(pattern);
    expect(stderr).toMatch(NO_STACK);
    expect(code).toBe(1);
  });

  it.runIf(process.platform === "linux")(
    "does not write a PNG without letters where no font is",
    async () => {
      const fonts = join(folder, "fonts.conf");
      await writeFile(fonts, "<fontconfig></fontconfig>");
      vi.stubEnv("FONTCONFIG_FILE", fonts);
      const draw = (name: string) => undiffuse(["explain", "schedule", "--out", join(folder, name)]);
      const [png, svg] = await Promise.all([draw("bare.png"), draw("bare.svg")]);
      vi.unstubAllEnvs();
      expect(png.code).toBe(1);
      expect(png.stderr).toMatch(/expected an installed font, got none\n {2}hint: .*write SVG/);
      expect(svg.code).toBe(0);
    },
  );
});

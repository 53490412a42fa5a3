/** A TIFF of one strip, little-endian (TIFF 6.0, section 2). */
export interface TiffOptions {
  readonly width: number;
  readonly bits: 1 | 8 | 16 | 32;
  /** Samples a pixel. */
  readonly samples: number;
  /** 0 white is zero, 1 black is zero, 2 RGB, 3 palette, 5 CMYK. */
  readonly photometric: number;
  /** 1 unsigned, 2 signed, 3 floating point. */
  readonly sampleFormat?: number;
  /** 1 multiplied into the colours, 2 not. */
  readonly alpha?: 1 | 2;
  /** 16-bit reds, then greens, then blues. */
  readonly palette?: readonly number[];
  readonly orientation?: number;
}

const SHORT = 3;
const LONG = 4;

/** The bytes of an uncompressed TIFF around its pixels, so that no encoder has a say in their meaning. */
export const tiff = (pixels: Uint8Array, options: TiffOptions): Buffer => {
  const { width, bits, samples, photometric, sampleFormat, alpha, palette, orientation } = options;
  const height = (pixels.length * 8) / (width * samples * bits);
  const each = (value: number) => new Array<number>(samples).fill(value);
  const tags: [tag: number, type: number, values: readonly number[]][] = [
    [256, LONG, [width]],
    [257, LONG, [height]],
    [258, SHORT, each(bits)],
    [259, SHORT, [1]],
    [262, SHORT, [photometric]],
    [273, LONG, [8]],
    ...(orientation ? [[274, SHORT, [orientation]] as [number, number, number[]]] : []),
    [277, SHORT, [samples]],
    [278, LONG, [height]],
    [279, LONG, [pixels.length]],
    ...(palette ? [[320, SHORT, palette] as [number, number, readonly number[]]] : []),
    ...(alpha ? [[338, SHORT, [alpha]] as [number, number, number[]]] : []),
    ...(sampleFormat ? [[339, SHORT, each(sampleFormat)] as [number, number, number[]]] : []),
  ];
  const directory = 8 + pixels.length + (pixels.length % 2);
  const out = Buffer.alloc(directory + 2 + 12 * tags.length + 4);
  const long: Buffer[] = [];
  let end = out.length;
  out.write("II*\0", 0, "latin1");
  out.writeUInt32LE(directory, 4);
  out.set(pixels, 8);
  out.writeUInt16LE(tags.length, directory);
  tags.forEach(([tag, type, values], i) => {
    const entry = directory + 2 + 12 * i;
    const data = type === SHORT ? Uint16Array.from(values) : Uint32Array.from(values);
    const bytes = Buffer.from(data.buffer);
    out.writeUInt16LE(tag, entry);
    out.writeUInt16LE(type, entry + 2);
    out.writeUInt32LE(values.length, entry + 4);
    if (bytes.length <= 4) {
      out.set(bytes, entry + 8);
      return;
    }
    out.writeUInt32LE(end, entry + 8);
    end += bytes.length;
    long.push(bytes);
  });
  return Buffer.concat([out, ...long]);
};

/**
 * The bytes of an 8 × 8 baseline JPEG whose components are each of one level, written by hand for the same
 * reason. `adobe` is the colour transform of an Adobe marker (0 none, 1 YCbCr, 2 YCCK); without it there is none.
 */
export const flatJpeg = (levels: readonly number[], adobe?: 0 | 1 | 2): Buffer => {
  const segment = (marker: number, ...content: number[]) => [
    0xff,
    marker,
    (content.length + 2) >> 8,
    (content.length + 2) & 255,
    ...content,
  ];
  const components = levels.flatMap((_, i) => [i + 1, 0x11, 0]);
  const scan = levels.flatMap((_, i) => [i + 1, 0]);
  // All 12 sizes of a DC difference have codes of 4 bits; the end of a block, the only AC symbol, has one of 1.
  const sizes = Array.from({ length: 12 }, (_, size) => size);
  return Buffer.from([
    ...[0xff, 0xd8],
    ...(adobe === undefined ? [] : segment(0xee, ...Buffer.from("Adobe"), 0, 100, 0, 0, 0, 0, adobe)),
    ...segment(0xdb, 0, ...new Array<number>(64).fill(8)), // a step of 8 makes DC the level itself
    ...segment(0xc0, 8, 0, 8, 0, 8, levels.length, ...components),
    ...segment(0xc4, 0x00, ...codeCounts(4, 12), ...sizes),
    ...segment(0xc4, 0x10, ...codeCounts(1, 1), 0),
    ...segment(0xda, levels.length, ...scan, 0, 63, 0),
    ...entropyBytes(levels.map((level) => blockBits(level - 128)).join("")),
    ...[0xff, 0xd9],
  ]);
};

/** How many codes have 1 to 16 bits, when all have the same. */
const codeCounts = (bits: number, count: number): number[] =>
  Array.from({ length: 16 }, (_, i) => (i + 1 === bits ? count : 0));

/** The size of the difference, the difference itself (negative ones less 1), the end of the block. */
const blockBits = (difference: number): string => {
  const size = difference === 0 ? 0 : Math.abs(difference).toString(2).length;
  const value = difference < 0 ? difference + 2 ** size - 1 : difference;
  return `${size.toString(2).padStart(4, "0")}${size ? value.toString(2).padStart(size, "0") : ""}0`;
};

const entropyBytes = (bits: string): number[] =>
  (bits.match(/.{1,8}/g) ?? [])
    .map((byte) => Number.parseInt(byte.padEnd(8, "1"), 2))
    .flatMap((byte) => (byte === 0xff ? [0xff, 0] : [byte]));

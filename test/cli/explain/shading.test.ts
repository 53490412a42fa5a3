import { expect, it } from "vitest";
import { shading } from "../../../src/cli/explain/shading.ts";

it("shading is deepest where it is highest, and leaves 0 white", async () => {
  const svg = await shading((at) =>
    Float64Array.from(at.split(), ({ data: [x = 0] }) => (x > 0 ? 0 : Number.NEGATIVE_INFINITY)),
  )({ side: 100, reach: 2, place: (x: number, y: number) => [x, y] as const });
  const { default: sharp } = await import("sharp");
  const png = Buffer.from(/base64,([^"]*)/.exec(svg)?.[1] ?? "", "base64");
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  const pixel = (x: number) => [...data.subarray(x * info.channels, x * info.channels + 3)];
  expect(pixel(0)).toEqual([255, 255, 255]);
  expect(pixel(info.width - 1)).toEqual([86, 150, 200]);
});

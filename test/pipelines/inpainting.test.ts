import { describe, expect, it } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import {
  binaryMask,
  latentMask,
  maskedPicture,
  pasteBack,
  requireMask,
} from "../../src/pipelines/inpainting.ts";

const picture = new Generator(1).uniform([1, 3, 4, 6]).mul(2).sub(1);
const maskOf = (values: readonly number[]) => NDArray.of(values, [1, 1, 4, 6]);
const half = maskOf(Array.from({ length: 24 }, (_, i) => (i % 6 < 3 ? 1 : 0)));

describe("requireMask", () => {
  it("refuses a mask of another size, with both sizes", () => {
    const small = NDArray.zeros([1, 1, 2, 2]);
    expect(() => requireMask(small, picture)).toThrow(
      "expected one value for each of the picture's pixels, [1, 1, 4, 6], got [1, 1, 2, 2]",
    );
  });
  it("refuses values that are no share", () => {
    expect(() => requireMask(half.mul(255), picture)).toThrow("values from 0 to 1");
    expect(() => requireMask(half.add(Number.NaN), picture)).toThrow("values from 0 to 1");
  });
});

describe("latentMask", () => {
  it("frees a latent where any pixel of its cell is free", () => {
    const one = maskOf(Array.from({ length: 24 }, (_, i) => (i === 15 ? 1 : 0))); // row 2, column 3
    expect([...latentMask(one, 2).data]).toEqual([0, 0, 0, 0, 1, 0]);
    expect(latentMask(one, 2).shape).toEqual([1, 1, 2, 3]);
  });
});

describe("maskedPicture", () => {
  it("is grey where the mask is free and the picture elsewhere", () => {
    const { data } = maskedPicture(picture, half);
    for (let i = 0; i < data.length; i++)
      expect(data[i]).toBeCloseTo(i % 6 < 3 ? 0 : (picture.data[i] as number), 12);
  });
});

describe("pasteBack", () => {
  const made = new Generator(2).uniform([2, 3, 4, 6]);
  it("keeps what is not masked bit for bit, in every picture of a batch", () => {
    const out = pasteBack(made, picture, half);
    for (let i = 0; i < out.size; i++)
      expect(out.data[i]).toBe(i % 6 < 3 ? made.data[i] : picture.data[i % picture.size]);
  });
  it("blends where the mask does", () => {
    const out = pasteBack(made, picture, half.mul(0).add(0.25));
    expect(out.data[5]).toBeCloseTo(0.25 * (made.data[5] as number) + 0.75 * (picture.data[5] as number), 6);
  });
  it("gives what was made where all is free", () => {
    expect(pasteBack(made, picture, half.mul(0).add(1)).data).toEqual(made.data);
  });
});

describe("binaryMask", () => {
  it("is free from a half on", () => {
    expect([...binaryMask(NDArray.of([0, 0.49, 0.5, 1])).data]).toEqual([0, 0, 1, 1]);
  });
});

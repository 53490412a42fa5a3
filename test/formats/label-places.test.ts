import { describe, expect, test } from "vitest";
import { type Box, labelPlaces } from "../../src/formats/label-places.ts";

const frame = { left: 0, top: 0, right: 400, bottom: 200 };
const dot = (x: number, y: number) => ({ x, y, radius: 8, width: 80, height: 14 });
const apart = (a: Box, b: Box): boolean =>
  a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;

describe("labels beside dots", () => {
  test("stand right where there is room", () => {
    expect(labelPlaces([dot(100, 100)], frame)).toEqual([{ left: 113, right: 193, top: 93, bottom: 107 }]);
  });

  test("stay inside the frame", () => {
    const [box] = labelPlaces([dot(390, 100)], frame);
    expect(box?.right).toBeLessThan(390);
  });

  test("lie on no dot, no other label and no obstacle where that can be", () => {
    const dots = [dot(100, 100), dot(140, 100), dot(120, 110), dot(300, 20)];
    const obstacle = { left: 310, right: 330, top: 10, bottom: 30 };
    const places = labelPlaces(dots, frame, [obstacle]);
    for (const [k, place] of places.entries()) {
      for (const other of places.slice(k + 1)) expect(apart(place, other)).toBe(true);
      for (const { x, y } of dots)
        expect(apart(place, { left: x - 8, right: x + 8, top: y - 8, bottom: y + 8 })).toBe(true);
      expect(apart(place, obstacle)).toBe(true);
    }
  });
});

import { describe, expect, it } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { arrows, dots, latticeOf, planeSvg, ticksOf, trails } from "../../src/formats/index.ts";

const points = NDArray.of([0, 0, 2, 2, -1, 1], [3, 2]);
const canvas = { side: 100, reach: 2, place: (x: number, y: number) => [x, y] as const };

describe("planeSvg", () => {
  it("puts 0 in the middle and the second coordinate upwards", async () => {
    const svg = await planeSvg({ reach: 2, marks: [dots(points)] }, { x: 7, y: 9, side: 100 });
    expect(svg).toContain('<svg x="7" y="9" width="100" height="100" overflow="hidden">');
    expect(svg).toContain("M50 50h0M100 0h0M25 25h0");
  });
});

describe("marks", () => {
  it("draw a trail for each point from state to state", () => {
    const svg = trails([points, points.add(1)])(canvas);
    expect(svg).toContain('d="M0 0L1 1M2 2L3 3M-1 1L0 2"');
  });

  it("draw arrows from points along vectors, with a head", () => {
    const svg = arrows(NDArray.of([0, 0], [1, 2]), NDArray.of([10, 0], [1, 2]))(canvas) as string;
    expect(svg).toMatch(/d="M0 0L10 0M7\.\d -?1\.\dL10 0L7\.\d -?1\.\d"/);
  });
});

describe("a window's numbers", () => {
  it("are points in the middle of equal cells, from the top left", () => {
    expect(latticeOf(2, 2)).toEqual([-1, 1, 1, 1, -1, -1, 1, -1]);
  });

  it.each([
    [3, [-2, 0, 2]],
    [2.5, [-2, 0, 2]],
    [1, [-1, 0, 1]],
  ])("are labelled inside a reach of %d", (reach, ticks) => {
    expect(ticksOf(reach)).toEqual(ticks);
  });
});

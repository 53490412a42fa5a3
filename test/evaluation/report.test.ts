import { expect, test } from "vitest";
import { evaluate, reportPage, showFigure, showNumber } from "../../src/evaluation/index.ts";
import { patterns } from "./patterns.ts";

test("numbers have four digits, small ones an exponent", () => {
  expect([1234.56, 0.98765, 0.00012345, 0, -2].map(showNumber)).toEqual([
    "1235",
    "0.9877",
    "1.23e-4",
    "0",
    "-2",
  ]);
  expect(showFigure({ value: 2, interval: [1.5, 2.5] })).toBe("2 (1.5 to 2.5)");
  expect(showFigure({ value: 2, interval: null })).toBe("2");
});

test("a page holds numbers and pictures, needs no other file, and takes names for what they are", async () => {
  const training = { ...patterns(30), name: "<cats & dogs>" };
  const samples = patterns(10, { seed: 4 }).images;
  const evaluation = await evaluate({ samples, training, heldOut: null, network: null, seed: 1 });
  const page = await reportPage({
    title: "Evaluation of <x>",
    evaluation,
    samples,
    training: training.images,
    facts: { source: "a & b" },
  });
  expect(page).toContain("<h1>Evaluation of &lt;x&gt;</h1>");
  expect(page).toContain("&lt;cats &amp; dogs&gt;");
  expect(page).toContain("a &amp; b");
  expect(page.match(/<img src="data:image\/png;base64,/g)).toHaveLength(2);
  expect(page).not.toMatch(/https?:\/\//);
  for (const { name, value } of evaluation.figures)
    expect(page).toContain(`${name}</td><td>${showNumber(value)}`);
});

import { describe, expect, it } from "vitest";
import { literal, literalWord, splitOutsideBrackets } from "../../src/cli/literals.ts";

describe("a literal", () => {
  it.each([
    ["3", 3],
    ["1e-3", 0.001],
    ["true", true],
    ["null", null],
    ["karras", "karras"],
    ["[3,1.5]", [3, 1.5]],
    ['{"max":2}', { max: 2 }],
  ])("%s is read as what it looks like, and written so that it is read again", (word, value) => {
    expect(literal(word)).toEqual(value);
    expect(literal(literalWord(value))).toEqual(value);
  });
});

it("commas part words, but not lists and objects", () => {
  expect(splitOutsideBrackets('a=1,b=[2,3],c={"d":4,"e":5},f=karras')).toEqual([
    "a=1",
    "b=[2,3]",
    'c={"d":4,"e":5}',
    "f=karras",
  ]);
});

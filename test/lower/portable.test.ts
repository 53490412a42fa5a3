import { expect, test } from "vitest";
import { portable } from "../../src/lower/index.ts";
import type { OpName } from "../../src/tensor/index.ts";
import { cases } from "../tensor/cases.ts";
import { references } from "../tensor/reference.ts";
import { gradientPrograms, plainPrograms } from "./programs.ts";
import { describeTogether } from "./together.ts";

test("every operation but the input has cases", () => {
  const without = (Object.keys(references) as OpName[]).filter((op) => cases[op].length === 0);
  expect(without).toEqual(["input"]);
});

describeTogether("onnxruntime computes what the plain loops do", portable, plainPrograms);
describeTogether("onnxruntime computes the gradients that the plain loops do", portable, gradientPrograms);

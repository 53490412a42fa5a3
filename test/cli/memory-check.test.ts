import { expect, test } from "vitest";
import { requireMemory } from "../../src/cli/memory-check.ts";

test("weights without room are refused before they are read, with what there is", () => {
  expect(() => requireMemory("sd", 8e9, 6e9)).toThrow(
    /^sd: expected 8\.00 GB of free memory for its weights, got 6\.00 GB\n {2}hint: --dry-run/,
  );
  expect(() => requireMemory("sd", 6e9, 6e9)).not.toThrow();
  expect(() => requireMemory("sd", 1)).not.toThrow();
});

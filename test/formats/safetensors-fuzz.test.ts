import { expect, it } from "vitest";
import { fuzzSafetensors } from "../../tools/fuzz-safetensors.ts";

// 100,000 are a nightly command, see CONTRIBUTING.md.
it("5,000 mutated files and indexes are read as what they hold, or refused with a FileError", async () => {
  const { read, refused } = await fuzzSafetensors(5000, 1);
  expect(read + refused).toBe(5000);
  // Mutations that leave files whole, and ones that do not, both have to occur to mean anything.
  expect(read).toBeGreaterThan(500);
  expect(refused).toBeGreaterThan(1000);
});

it("a seed gives the same cases again", async () => {
  const [one, again] = [await fuzzSafetensors(200, 2), await fuzzSafetensors(200, 2)];
  expect([one.read, one.refused]).toEqual([again.read, again.refused]);
});

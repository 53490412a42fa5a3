import { expect, test } from "vitest";
import { gelu, gradients, input, leakyRelu, mish, softplus, type Tensor } from "../../src/tensor/index.ts";
import { fixture, type Saved, saved } from "./fixture.ts";
import { doubles, interpret } from "./reference.ts";

/** torch's values and slopes are float32: some roundings of the value, and of 1 where the value is small. */
const tolerance = 4e-7;

test("the second derivative of softplus at 0 is a quarter", () => {
  const x = input([]);
  const [slope] = gradients(softplus(x), [x]) as [Tensor];
  const [curvature] = interpret(gradients(slope, [x]), new Map([[x, doubles([], [0])]]));
  expect(curvature?.data[0]).toBe(0.25);
});

const kinds: Readonly<Record<string, (x: Tensor) => Tensor>> = { gelu, softplus, mish, leakyRelu };

test("the fixture knows every activation", () => {
  expect(Object.keys(fixture.activations.kinds).sort()).toEqual(Object.keys(kinds).sort());
});

test.each(Object.keys(kinds))("%s and its slope agree with torch from -100 to 100", (name) => {
  const points = saved(fixture.activations.x);
  const expected: { y: Saved; slope: Saved } = fixture.activations.kinds[name];
  const x = input(points.shape);
  const y = (kinds[name] as (x: Tensor) => Tensor)(x);
  const got = interpret([y, ...gradients(y.sum(), [x])], new Map([[x, points]]));
  [expected.y, expected.slope].forEach(({ data }, i) => {
    data.forEach((value, k) => {
      const distance = Math.abs((got[i]?.data[k] as number) - value);
      expect(distance, `at ${points.data[k]}`).toBeLessThan(tolerance * Math.max(1, Math.abs(value)));
    });
  });
});

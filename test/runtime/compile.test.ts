import { expect, test } from "vitest";
import { NDArray } from "../../src/base/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { trace } from "../../src/tensor/index.ts";

const double = () => trace({ x: { shape: [2, 3] } }, ({ x }) => ({ y: x.mul(2).add(1) }));

for (const worker of [false, true])
  test(`a traced function runs ${worker ? "in a worker" : "in this thread"}`, async () => {
    const f = await compile(double(), { worker });
    const { y } = await f({ x: NDArray.of([1, 2, 3, 4, 5, 6], [2, 3]) });
    expect([...(y?.data ?? [])]).toEqual([3, 5, 7, 9, 11, 13]);
    await f.close();
  });

test("a wrong feed is refused with what was expected", async () => {
  const f = await compile(double(), { worker: false });
  await expect(f({ x: NDArray.zeros([3, 2]) })).rejects.toThrow(
    'feed "x": expected float32[2, 3], got float32[3, 2]',
  );
  await expect(f({ z: NDArray.zeros([2, 3]) })).rejects.toThrow("feeds: expected x, got z");
  await f.close();
});

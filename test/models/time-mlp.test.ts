import { describe, expect, it } from "vitest";
import { Generator, NDArray } from "../../src/base/index.ts";
import { timeMlp, timeMlpFields } from "../../src/models/index.ts";
import { parameters } from "../../src/nn/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { type Tensor, trace } from "../../src/tensor/index.ts";

const config = timeMlpFields.parse({ width: 16, layers: 2 });
const model = timeMlp(config, { inputs: 2, outputs: 3, classes: 4 }, new Generator(0));

const run = async (x: NDArray, t: NDArray, labels: NDArray): Promise<NDArray> => {
  const own = parameters(model);
  const n = x.shape[0] as number;
  const graph = trace(
    { x: { shape: [n, 2, 1, 1] }, t: { shape: [n] }, labels: { shape: [n], dtype: "int32" } },
    (feeds) => ({
      out: model.forward(feeds.x as Tensor, feeds.t as Tensor, { classLabels: feeds.labels as Tensor }),
    }),
    own,
  );
  const callable = await compile(graph, {
    weights: new Map([...own].map(([name, { value }]) => [name, value])),
  });
  const { out } = await callable({ x, t, labels });
  await callable.close();
  return out as NDArray;
};

describe("timeMlp", () => {
  const x = new Generator(1).normal([3, 2, 1, 1]);
  const t = NDArray.of([0, 400, 999], [3]);
  const labels = NDArray.of([0, 3, 1], [3], "int32");

  it("gives each row what it gives it alone", async () => {
    const all = await run(x, t, labels);
    expect(all.shape).toEqual([3, 3, 1, 1]);
    for (let k = 0; k < 3; k++) {
      const alone = await run(x.rows(k, k + 1), t.rows(k, k + 1), labels.rows(k, k + 1));
      alone.data.forEach((value, i) => {
        expect(value).toBeCloseTo(all.row(k).data[i] as number, 5);
      });
    }
  });

  it("hears of place, time and class", async () => {
    const all = await run(x, t, labels);
    const others = [
      await run(x.add(0.1), t, labels),
      await run(x, t.add(3), labels),
      await run(x, t, NDArray.of([1, 2, 0], [3], "int32")),
    ];
    for (const other of others)
      for (let k = 0; k < 3; k++) expect([...other.row(k).data]).not.toEqual([...all.row(k).data]);
  });

  it("takes what it was made for", () => {
    const of = (shape: number[], given: boolean) =>
      trace({ x: { shape }, t: { shape: [3] }, labels: { shape: [3], dtype: "int32" } }, (feeds) => ({
        out: model.forward(
          feeds.x as Tensor,
          feeds.t as Tensor,
          given ? { classLabels: feeds.labels as Tensor } : {},
        ),
      }));
    expect(() => of([3, 4, 1, 1], true)).toThrow("timeMlp: expected [n, 2, 1, 1], got [3, 4, 1, 1]");
    expect(() => of([3, 2, 1, 1], false)).toThrow("timeMlp: expected class labels, since it embeds classes");
  });
});

import { z } from "zod";
import { NDArray } from "../../src/base/index.ts";
import { Buffer } from "../../src/nn/index.ts";
import { Parameter, type Tensor } from "../../src/tensor/index.ts";
import { type BatchProgram, defineSystem, earlierStage, type Frame } from "../../src/train/index.ts";

/**
 * A system of two stages on points. The first learns one number for each coordinate, the mean of what it sees divided
 * by a scale that it measures before; the second learns by what the first generates. It has the name of ddpm, whose
 * place it takes in the tests.
 */
export const twoStages = defineSystem({
  name: "ddpm",
  summary: "two stages",
  headline: "none",
  config: z.strictObject({
    conditioning: z.strictObject({ kind: z.literal("none") }).default({ kind: "none" }),
  }),
  sampling: z.strictObject({ shift: z.number().default(0) }),
  stages(_, { image }) {
    const shape = [1, ...image];
    const meanOf = (name: string) => {
      const mean = new Parameter(NDArray.zeros(shape));
      const program: BatchProgram = (n) => ({
        inputs: { x: { shape: [n, ...image] } },
        outputs: ({ x }) => {
          const error = (x as Tensor).sub(mean);
          return { losses: error.mul(error).mean([1, 2, 3]) };
        },
      });
      const said: BatchProgram = (n) => ({
        inputs: { x: { shape: [n, ...image] } },
        outputs: ({ x }) => ({ means: (x as Tensor).mul(0).add(mean) }),
      });
      return { name, mean, program, said };
    };
    const [first, second] = [meanOf("first"), meanOf("second")];
    const scale = new Buffer(NDArray.full([1], 1));
    const frame = (x: NDArray): Frame => ({ index: 0, total: 1, x, denoised: x });
    return [
      {
        name: "first",
        networks: { net: { mean: first.mean, scale } },
        async prepare({ images }) {
          scale.value = NDArray.full([1], images.abs().mean().item());
        },
        updates: [
          {
            name: "loss",
            trains: ["net"],
            program: first.program,
            draw: ({ images }) => ({ x: images.add(2).div(scale.value.item()) }),
          },
        ],
        async *generate({ count }, evaluate) {
          yield frame((await evaluate(first.said, { x: NDArray.zeros([count, ...image]) })).means as NDArray);
        },
      },
      {
        name: "second",
        networks: { net: { mean: second.mean } },
        updates: [
          {
            name: "loss",
            trains: ["net"],
            program: second.program,
            async draw({ images }, _, earlier) {
              const x = NDArray.zeros(images.shape);
              const { means } = await earlierStage(earlier, "first").evaluate(first.said, { x });
              return { x: (means as NDArray).mul(10) };
            },
          },
        ],
        async *generate(request, evaluate, earlier) {
          const { count, sampling } = request;
          for await (const { x } of earlierStage(earlier, "first").generate(request)) {
            const own = await evaluate(second.said, { x: NDArray.zeros([count, ...image]) });
            yield frame(x.add(own.means as NDArray).add(sampling.shift));
          }
        },
      },
    ];
  },
});

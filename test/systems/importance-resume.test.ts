import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openDataset } from "../../src/data/index.ts";
import { digitsIddpmVlb } from "../../src/recipes/index.ts";
import { parseRecipe, trainRecipe } from "../../src/systems/index.ts";
import { newestCheckpoint, runFolder } from "../../src/train/index.ts";

const STEPS = 8;
/** By then every one of three timesteps has ten losses, and draws go by them. */
const INTERRUPTED = 5;

const recipe = parseRecipe(
  {
    ...digitsIddpmVlb,
    config: {
      ...digitsIddpmVlb.config,
      schedule: { beta_schedule: "squaredcos_cap_v2", num_train_timesteps: 3 },
      network: {
        block_out_channels: [8],
        layers_per_block: 1,
        down_block_types: ["DownBlock2D"],
        up_block_types: ["UpBlock2D"],
        attention_head_dim: 8,
        norm_num_groups: 4,
      },
    },
    training: { steps: STEPS, batch: 16, heldOut: 0, previewEvery: 1000 },
    sampling: { sampler: { kind: "ancestral", variance: "learned_range", steps: 2 } },
  },
  "tiny",
);

const tensorsAfter = async (interrupt: boolean) => {
  const folder = join(await mkdtemp(join(tmpdir(), "undiffuse-importance-")), "run");
  const dataset = await openDataset(recipe.data);
  const run = async (resume: boolean) => {
    const controller = new AbortController();
    const job = { recipe, dataset, folder, resume, threads: 1, signal: controller.signal };
    for await (const event of trainRecipe(job))
      if (interrupt && !resume && event.kind === "step" && event.step === INTERRUPTED) controller.abort();
  };
  await run(false);
  if (interrupt) await run(true);
  const { checkpoint } = await newestCheckpoint(runFolder(folder).checkpoints);
  if (!checkpoint) throw new Error("no checkpoint");
  return new Map([...checkpoint.tensors].map(([name, { data }]) => [name, [...data]]));
};

it("a run that draws times by their losses goes on bit for bit: what it remembers lies in the checkpoint", async () => {
  const whole = await tensorsAfter(false);
  const losses = whole.get("buffer.times.losses") ?? [];
  expect(losses).toHaveLength(3 * 10);
  expect(losses.every((loss) => loss >= 0)).toBe(true);
  expect(new Set(losses).size).toBe(30);
  expect(await tensorsAfter(true)).toEqual(whole);
});

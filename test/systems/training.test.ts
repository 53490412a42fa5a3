import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { ArgumentError, type NDArray } from "../../src/base/index.ts";
import { type Dataset, dataSchema, openDataset } from "../../src/data/index.ts";
import {
  openTrained,
  parseRecipe,
  type Recipe,
  stagesOf,
  trainRecipe,
  untrainedStages,
} from "../../src/systems/index.ts";
import {
  dataShape,
  forecastMemory,
  readCheckpoint,
  runFolder,
  summariseRun,
  type TrainEvent,
  timeStep,
} from "../../src/train/index.ts";

vi.mock("../../src/systems/ddpm.ts", async () => ({ ddpm: (await import("./two-stages.ts")).twoStages }));

const data = dataSchema.parse({ kind: "density", name: "two_moons", count: 64 });
const recipeWith = (more: object = {}): Recipe =>
  parseRecipe<unknown>(
    {
      name: "two",
      system: "ddpm",
      config: {},
      data,
      training: { steps: 6, batch: 8, checkpointEvery: 2, heldOut: 0, learningRate: { peak: 0.1 } },
      stages: { second: { steps: 4 } },
      sampling: {},
      ...more,
    },
    "two",
  );

let dataset: Dataset;
beforeAll(async () => {
  dataset = await openDataset(data);
});

const eventsOf = async (
  folder: string,
  {
    resume = false,
    recipe = recipeWith(),
    until = () => false,
  }: { resume?: boolean; recipe?: Recipe; until?: (event: TrainEvent, stage: string) => boolean } = {},
): Promise<TrainEvent[]> => {
  const controller = new AbortController();
  const events: TrainEvent[] = [];
  let stage = "";
  const job = { recipe, dataset, folder, resume, threads: 1, signal: controller.signal };
  for await (const event of trainRecipe(job)) {
    events.push(event);
    if (event.kind === "started") stage = event.stage;
    if (until(event, stage)) controller.abort();
  }
  return events;
};
const newFolder = async () => join(await mkdtemp(join(tmpdir(), "undiffuse-stages-")), "run");
const newestOf = async (folder: string) => {
  const names = await readdir(join(folder, "checkpoints"));
  return join(folder, "checkpoints", names.sort().at(-1) as string);
};
const numbersOf = async (path: string) =>
  Object.fromEntries([...(await readCheckpoint(path)).tensors].map(([name, { data }]) => [name, [...data]]));
const sampleOf = async (path: string, sampling?: object): Promise<NDArray> => {
  const model = await openTrained(path, { threads: 1 });
  try {
    let last: NDArray | undefined;
    for await (const { x } of model.sample({ count: 2, ...(sampling && { sampling: sampling as never }) }))
      last = x;
    return last as NDArray;
  } finally {
    await model.close();
  }
};

describe("a recipe of several stages", () => {
  let whole: string;
  let events: TrainEvent[];
  beforeAll(async () => {
    whole = await newFolder();
    events = await eventsOf(whole);
  });

  it("trains one after another, each as a whole run in a folder of its name", async () => {
    const begun = events.flatMap((event) => (event.kind === "started" ? [event] : []));
    expect(begun.map(({ stage, steps, folder }) => [stage, steps, folder])).toEqual([
      ["first", 6, join(whole, "first")],
      ["second", 4, join(whole, "second")],
    ]);
    expect((await readdir(whole)).sort()).toEqual(["first", "recipe.json", "second"]);
    for (const stage of ["first", "second"]) {
      const { checkpoints, previews, metrics, recipe } = runFolder(join(whole, stage));
      for (const path of [checkpoints, previews, metrics]) expect(existsSync(path)).toBe(true);
      expect(await readFile(recipe, "utf8")).toBe(await readFile(runFolder(whole).recipe, "utf8"));
    }
    const { header } = await readCheckpoint(await newestOf(join(whole, "second")));
    expect(header).toMatchObject({ stage: "second", form: "points", step: 4 });
    expect((await summariseRun(join(whole, "second"))).steps).toBe(4);
  });

  it("gives a stage the moving averages of those before it", async () => {
    const { "ema.net.mean": first = [] } = await numbersOf(await newestOf(join(whole, "first")));
    const { "model.net.mean": second = [], "ema.net.mean": own = [] } = await numbersOf(
      await newestOf(join(whole, "second")),
    );
    expect(Math.sign(second[0] as number)).toBe(Math.sign(first[0] as number)); // it is drawn towards ten times that
    const x = await sampleOf(whole);
    expect(x.shape).toEqual([2, 2, 1, 1]);
    [0, 1].forEach((axis) => {
      expect(x.data[axis]).toBeCloseTo((first[axis] as number) + (own[axis] as number), 6);
    });
    expect((await sampleOf(whole, { shift: 5 })).data[0]).toBeCloseTo((x.data[0] as number) + 5, 5);
  });

  it("keeps what a stage measured before its first step", async () => {
    const { "buffer.net.scale": scale = [] } = await numbersOf(await newestOf(join(whole, "first")));
    expect(scale[0]).toBeCloseTo(dataset.images.rows(0, 64).abs().mean().item(), 1);
    expect(scale[0]).not.toBe(1);
  });

  it.each(["first", "second"])(
    "goes on in the %s when it was stopped there, as if nothing had been",
    async (stage) => {
      const folder = await newFolder();
      const stopped = await eventsOf(folder, {
        until: (event, at) => event.kind === "step" && at === stage && event.step === 3,
      });
      expect(stopped.at(-1)?.kind).toBe("interrupted");
      expect(existsSync(join(folder, "second"))).toBe(stage === "second");
      const before = stage === "second" ? (await stat(await newestOf(join(folder, "first")))).mtimeMs : null;
      const resumed = await eventsOf(folder, { resume: true });
      const begun = resumed.flatMap((event) => (event.kind === "started" ? [[event.stage, event.step]] : []));
      expect(begun).toEqual(
        stage === "first"
          ? [
              ["first", 3],
              ["second", 0],
            ]
          : [["second", 3]],
      );
      if (before) expect((await stat(await newestOf(join(folder, "first")))).mtimeMs).toBe(before);
      for (const each of ["first", "second"])
        expect(await numbersOf(await newestOf(join(folder, each)))).toEqual(
          await numbersOf(await newestOf(join(whole, each))),
        );
    },
  );

  it("opens by the run, a stage's folder or a checkpoint, each with what it builds on", async () => {
    const second = await newestOf(join(whole, "second"));
    expect(await sampleOf(second)).toEqual(await sampleOf(whole));
    expect(await sampleOf(join(whole, "second"))).toEqual(await sampleOf(whole));
    const { "ema.net.mean": first = [] } = await numbersOf(await newestOf(join(whole, "first")));
    expect([...(await sampleOf(join(whole, "first"))).data.slice(0, 2)]).toEqual(first);
  });

  it("measures memory and time of every stage before any is trained", async () => {
    const folder = await newFolder();
    const job = { recipe: recipeWith(), dataset, folder, resume: false, threads: 1 };
    const { jobs, close } = untrainedStages(job);
    for (const each of jobs) {
      expect((await forecastMemory(each)).parameters).toBe(2 * 2 * 4);
      expect(await timeStep(each)).toBeGreaterThan(0);
    }
    await close();
    expect(existsSync(folder)).toBe(false);
  });

  it("is not trained over", async () => {
    await expect(eventsOf(whole)).rejects.toThrow(/first: expected a folder without a run/);
    await expect(eventsOf(await newFolder(), { resume: true })).rejects.toThrow(/expected a run to resume/);
  });

  it("refuses another recipe when it is resumed, and leaves the saved one", async () => {
    const saved = await readFile(runFolder(whole).recipe, "utf8");
    const other = recipeWith({ stages: { second: { steps: 9 } } });
    await expect(eventsOf(whole, { resume: true, recipe: other })).rejects.toThrow(
      /recipe\.stages\.second\.steps: 4 → 9/,
    );
    expect(await readFile(runFolder(whole).recipe, "utf8")).toBe(saved);
  });
});

describe("a run of several stages with something missing says what", () => {
  const trained = async () => {
    const folder = await newFolder();
    await eventsOf(folder);
    return folder;
  };

  it("when an earlier stage is gone", async () => {
    const folder = await trained();
    await rm(join(folder, "first"), { recursive: true });
    await expect(openTrained(folder)).rejects.toThrow(
      /first: expected a run with a checkpoint, got none\n {2}hint: the stages after "first" need it/,
    );
  });

  it("when an earlier stage is not trained to its end", async () => {
    const folder = await trained();
    await rm(await newestOf(join(folder, "first")));
    await expect(openTrained(folder)).rejects.toThrow(
      /first: expected stage "first" after its last step, 6, got step 4/,
    );
  });

  it("when an earlier stage is of another recipe", async () => {
    const [folder, other] = [await trained(), await newFolder()];
    await eventsOf(other, { recipe: recipeWith({ training: { ...recipeWith().training, seed: 7 } }) });
    await rm(join(folder, "first"), { recursive: true });
    const { cp } = await import("node:fs/promises");
    await cp(join(other, "first"), join(folder, "first"), { recursive: true });
    await expect(openTrained(folder)).rejects.toThrow(/recipe\.training\.seed: 7 → 0/);
  });

  it("when the last stage has not begun", async () => {
    const folder = await newFolder();
    await eventsOf(folder, { until: ({ kind }) => kind === "step" });
    await expect(openTrained(folder)).rejects.toThrow(/second: expected a run with a checkpoint/);
    expect((await sampleOf(join(folder, "first"))).shape).toEqual([2, 2, 1, 1]);
  });
});

describe("what a recipe says of its stages", () => {
  it("is of stages that there are", () => {
    const recipe = recipeWith({ stages: { third: { steps: 4 } } });
    const build = () => stagesOf(recipe, dataShape(dataset));
    expect(build).toThrow(ArgumentError);
    expect(build).toThrow("recipe.stages: expected some of first, second, got third");
  });

  it("is fields of a training, without the seed, and says nothing of what it leaves out", () => {
    expect(recipeWith({ stages: { first: { batch: 4 } } }).stages).toEqual({ first: { batch: 4 } });
    for (const wrong of [{ bacth: 4 }, { seed: 1 }, { steps: 0 }])
      expect(() => recipeWith({ stages: { first: wrong } })).toThrow(/stages\.first/);
  });
});

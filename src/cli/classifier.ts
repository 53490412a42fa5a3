import { dirname, join } from "node:path";
import type { Dataset } from "../data/index.ts";
import {
  classifierTrainingSchema,
  networkOf,
  type TrainedClassifier,
  trainClassifier,
  writeClassifier,
} from "../evaluation/index.ts";
import { makeFolder } from "../formats/index.ts";
import type { Backend } from "../runtime/index.ts";
import { backend } from "./backend-option.ts";
import { choice, defineCommand, flag, integer, text } from "./command.ts";
import { INTERRUPTED, interruptible } from "./interrupt.ts";
import { showSeconds, startProgress } from "./progress.ts";
import { openDataSource } from "./recipe-source.ts";
import { openImages } from "./train.ts";

export const classifierCommand = defineCommand({
  name: "classifier",
  summary: "Train a small classifier on the images, for undiffuse evaluate to compare images by",
  description: `A residual network learns the classes from nine tenths of the images and is tested
on the others. Its last features before the classes are what undiffuse evaluate
compares images by, and numbers bear its name: the same file gives comparable
numbers, another one does not. The same data and options give the same file.`,
  arguments: {
    source: text<string>("a packaged recipe, a recipe file, the folder of a run, or a folder of images"),
  },
  options: {
    out: text("the file (default: classifiers/<name of the data>.safetensors)", {
      short: "o",
      value: "file",
    }),
    size: integer("side of the images in pixels", { least: 1 }),
    classes: choice("whether each first-level folder is a class", ["folders", "none"]),
    steps: integer("optimizer steps", { least: 1, fallback: classifierTrainingSchema.parse({}).steps }),
    batch: integer("images a step", { least: 1, fallback: classifierTrainingSchema.parse({}).batch }),
    seed: integer("seed of every random number of the training", { fallback: 0 }),
    flip: flag("mirror images left to right at random"),
    threads: integer("threads of the network's operations (default: all cores)", { least: 1 }),
    backend,
  },
  examples: [
    ["undiffuse classifier digits", "learn to read the packaged digits"],
    ["undiffuse classifier ~/photos --size 32 --classes folders", "learn to tell your folders apart"],
  ],
  async run({ source, out, size, classes, steps, batch, seed, flip, threads, backend }) {
    const { spec } = await openDataSource(source, { size, classes });
    const dataset = await openImages(spec);
    const training = classifierTrainingSchema.parse({ steps, batch, seed, flip });
    const path = out ?? join("classifiers", `${dataset.name}.safetensors`);
    await interruptible("stopping; nothing is written", async (signal) => {
      const started = performance.now();
      const progress = startProgress("training", steps);
      const onStep = (step: number, loss: number) => {
        const left = ((performance.now() - started) / 1000 / step) * (steps - step);
        progress.update(step, { loss: loss.toFixed(4), left: showSeconds(left) });
      };
      try {
        const trained = await trainClassifier(dataset, { training, threads, backend, signal, onStep });
        const accuracy = await accuracyOf(trained, dataset, backend);
        await makeFolder(dirname(path));
        await writeClassifier(path, trained.net, about(dataset, trained, { training, accuracy }));
        progress.stop();
        const count = trained.heldOut.images.shape[0];
        process.stdout.write(
          `${path}\nreads ${(100 * accuracy).toFixed(1)}% of ${count} held-out images as their class\n`,
        );
      } catch (error) {
        progress.stop();
        if (!signal.aborted) throw error;
        process.exitCode = INTERRUPTED;
      }
    });
  },
});

const accuracyOf = async (
  { net, heldOut }: TrainedClassifier,
  { classes }: Dataset,
  backend: Backend | undefined,
): Promise<number> => {
  const network = networkOf(
    net,
    { name: "classifier", fingerprint: "", classes: classes ?? [] },
    { backend },
  );
  try {
    const { read } = await network.extract(heldOut.images);
    const labels = heldOut.labels?.data ?? [];
    return [...(read ?? [])].filter((label, i) => label === labels[i]).length / labels.length;
  } finally {
    await network.close();
  }
};

const about = (
  { name, fingerprint, images, classes }: Dataset,
  { heldOut }: TrainedClassifier,
  { training, accuracy }: { training: ReturnType<typeof classifierTrainingSchema.parse>; accuracy: number },
) => ({
  data: { name, fingerprint, images: images.shape[0] ?? 0 },
  classes: [...(classes ?? [])],
  heldOut: { images: heldOut.images.shape[0] ?? 0, accuracy },
  training,
});

import { basename, resolve } from "node:path";
import { ArgumentError } from "../base/index.ts";
import { evaluate, type FeatureNetwork, openFeatureNetwork } from "../evaluation/index.ts";
import { backend, chosenBackend, device } from "./backend-option.ts";
import { besideModel } from "./beside-model.ts";
import { choice, defineCommand, flag, integer, text, UsageError } from "./command.ts";
import { bitsFigures } from "./evaluate/bits.ts";
import { writeEvaluation } from "./evaluate/output.ts";
import { folderSize, readPictures } from "./evaluate/pictures.ts";
import { namedReference, ownReference, type Reference } from "./evaluate/reference.ts";
import { folderSamples, generatedSamples } from "./evaluate/samples.ts";
import { watched } from "./evaluate/watched.ts";
import { INTERRUPTED, interruptible } from "./interrupt.ts";
import { isPlainFolder } from "./recipe-source.ts";
import { samplingOptions } from "./sampling-options.ts";
import { type CountedModel, openCounted, type Place } from "./speed.ts";

export const evaluateCommand = defineCommand({
  name: "evaluate",
  summary: "Judge generated images by numbers, against images that they should be like",
  description: `Generates images with a trained model, or reads a folder of images of one size,
and compares all of them with all images of the reference: the run's own data
unless --against names others. Writes report.html and evaluation.json.

  --features    a network to compare by, from undiffuse classifier, or pytorch-fid's
                Inception as .safetensors or .onnx: gives Fréchet and kernel
                distance, precision, recall (also of rare classes), density,
                coverage, and the share that a classifier reads as its class
  always        sliced Wasserstein distance, nearest training images, copies
  --bits        bits per dimension of held-out images, by the bound and the ODE
  --paired      PSNR and SSIM of image k of the folder and image k of the reference

Numbers compare only where samples, reference and network are as many and the
same; they are in the report. docs/evaluation.md says what each means.`,
  arguments: { source: text<string>("a run folder, a checkpoint, or a folder of images") },
  options: {
    against: text("compare with: a folder of images, a packaged recipe, a recipe file or a run", {
      value: "data",
    }),
    features: text("file of the network to compare by", { value: "file" }),
    out: text("folder for the report (default: evaluation/ in the run's folder, or here)", {
      short: "o",
      value: "folder",
    }),
    count: integer("how many images to generate", { least: 2, fallback: 1000 }),
    seed: integer("seed of the first image, and of all else that is drawn", { fallback: 0 }),
    ...samplingOptions,
    size: integer("side of the images of --against in pixels (default: of a folder, that of the samples)", {
      least: 1,
    }),
    classes: choice("whether each first-level folder of --against is a class", ["folders", "none"]),
    bits: integer("held-out images whose bits per dimension to compute (minutes)", { least: 2 }),
    paired: flag("sample k belongs to image k of the reference"),
    batch: integer("images at once", { least: 1, fallback: 64 }),
    threads: integer("threads of the network's operations (default: all cores)", { least: 1 }),
    device,
    backend,
    dryRun: flag("say what would be compared with what; end"),
  },
  examples: [
    ["undiffuse classifier digits", "first, a network to compare digits by"],
    [
      "undiffuse evaluate runs/digits --features classifiers/digits.safetensors",
      "1,000 digits against those that the run was trained on",
    ],
    ["undiffuse evaluate runs/digits --bits 100 --count 2", "little but bits per dimension"],
    ["undiffuse evaluate ~/generated --against ~/photos", "a folder of images against another"],
    ["undiffuse evaluate restored --against originals --paired", "pictures against their originals"],
  ],
  async run({ source, device, ...given }) {
    const { threads } = given;
    const folder = await isPlainFolder(source);
    if (folder && given.bits !== undefined)
      throw new UsageError({
        who: "--bits",
        expected: "a run, whose model gives bits",
        got: "a folder of images",
      });
    const request = { ...given, backend: await chosenBackend({ ...given, device }) };
    const model = folder ? null : await openCounted(source, { threads, backend: request.backend });
    // What judges runs on the CPU, so that no score depends on the device.
    const network =
      request.features === undefined
        ? null
        : await openFeatureNetwork(request.features, { threads, backend: given.backend });
    try {
      await interruptible("stopping; nothing is written", async (signal) => {
        try {
          await judge({ source, model, network, signal }, request);
        } catch (error) {
          if (!signal.aborted) throw error;
          process.exitCode = INTERRUPTED;
        }
      });
    } finally {
      await network?.close();
      await model?.close();
    }
  },
});

type Request = Omit<Parameters<typeof evaluateCommand.run>[0], "source" | "device" | "backend"> & Place;

interface Subject {
  readonly source: string;
  /** Null where the source is a folder of images. */
  readonly model: CountedModel | null;
  readonly network: FeatureNetwork | null;
  readonly signal: AbortSignal;
}

const judge = async (subject: Subject, request: Request): Promise<void> => {
  const { model, network, signal } = subject;
  const reference = await referenceOf(subject, request);
  const folder = request.out ?? (model ? besideModel(model, "evaluation") : "evaluation");
  checkBits(reference, request);
  network?.check(reference.training.images.shape.slice(1));
  if (!network)
    process.stderr.write(
      "no --features: only numbers that need no network; train one with: undiffuse classifier <data>\n",
    );
  if (request.dryRun) return describe(subject, request, { reference, folder });
  const { training, heldOut } = reference;
  const { samples, labels, facts, speed } = model
    ? await generatedSamples(model, training, { ...request, signal })
    : await folderSamples(subject.source, training);
  const { paired, seed, bits: count } = request;
  const found = await watched((watch) =>
    evaluate({ training, heldOut, samples, labels, network, paired, seed }, { signal, ...watch }),
  );
  const bits =
    model && heldOut && count !== undefined ? await bitsFigures(model, heldOut, { count, seed, signal }) : [];
  await writeEvaluation(
    { ...found, figures: [...found.figures, ...bits] },
    {
      ...{ folder, samples, speed },
      title: `Evaluation of ${basename(resolve(subject.source))}`,
      training: training.images,
      facts: { ...facts, against: JSON.stringify(reference.spec) },
    },
  );
};

/** What the samples are compared with. */
const referenceOf = async (
  { source, model }: Subject,
  { against, size, classes }: Request,
): Promise<Reference> => {
  if (against === undefined) {
    if (model) return ownReference(model.recipe, model.checkpoint.header.fingerprint);
    throw new UsageError({
      who: "evaluate",
      expected: "--against, what to compare a folder with",
      got: "none",
    });
  }
  const isFolder = await isPlainFolder(against);
  const own = model
    ? model.checkpoint.header.image[1]
    : isFolder
      ? (await folderSize(source)).height
      : undefined;
  return namedReference(against, { size: size ?? (isFolder ? own : undefined), classes });
};

const checkBits = ({ heldOut }: Reference, { bits }: Request): void => {
  const there = heldOut?.images.shape[0] ?? 0;
  if (bits === undefined || bits <= there) return;
  throw new ArgumentError({
    who: "--bits",
    expected: there ? `at most the ${there} held-out images` : "a run that held images out",
    got: String(bits),
  });
};

const describe = async (
  { source, model, network }: Subject,
  { count, bits }: Request,
  { reference, folder }: { readonly reference: Reference; readonly folder: string },
): Promise<void> => {
  const { training, heldOut } = reference;
  const files = model ? count : (await readPictures(source, training.images.shape.slice(1))).images.shape[0];
  const held = heldOut?.images.shape[0] ?? 0;
  const lines = [
    `${files} images ${model ? `generated with ${model.checkpoint.path}` : `of ${source}`}`,
    `against ${(training.images.shape[0] ?? 0) + held} images of ${training.name}, ${held} of them held out`,
    network ? `over ${network.name}, ${network.width} features` : "over no features",
    ...(bits === undefined ? [] : [`bits per dimension of ${bits} held-out images`]),
    `the report would be in ${folder}`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
};

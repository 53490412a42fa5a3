import { createHash } from "node:crypto";
import { z } from "zod";
import { FileError, Generator, type NDArray, ShapeError } from "../base/index.ts";
import { type Safetensors, writeSafetensors, writeWhole } from "../formats/index.ts";
import { type Classifier, classifier, classifierSchema } from "../models/index.ts";
import { leaves, loadState, stateOf } from "../nn/index.ts";
import { classifierTrainingSchema } from "./classifier-training.ts";
import { type FeatureNetwork, featureNetwork, type NetworkOptions } from "./feature-network.ts";

/** The metadata key under which a file says that it is a classifier, and which. */
export const CLASSIFIER = "undiffuse-classifier";
const FORMAT = 1;

const aboutSchema = z.object({
  format: z.literal(FORMAT),
  config: classifierSchema,
  /** What it was trained on. */
  data: z.object({ name: z.string(), fingerprint: z.string(), images: z.int().positive() }),
  classes: z.array(z.string()),
  /** The images that it was not trained on, and the share that it reads as their class. */
  heldOut: z.object({ images: z.int().positive(), accuracy: z.number().min(0).max(1) }),
  training: classifierTrainingSchema,
});
/** What a classifier's file says of it. */
export type AboutClassifier = Omit<z.output<typeof aboutSchema>, "format" | "config">;

/** Its name: after its data, and the first digits of what it weighs. */
const nameOf = (data: AboutClassifier["data"], fingerprint: string): string =>
  `classifier of ${data.name}, ${fingerprint.slice(0, 8)}`;

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const encode = (net: Classifier, about: AboutClassifier): Uint8Array<ArrayBuffer> => {
  const metadata = { [CLASSIFIER]: JSON.stringify({ format: FORMAT, config: net.config, ...about }) };
  return writeSafetensors(stateOf(net), metadata);
};

/** Writes a classifier, whole or not at all. @throws FileError for weights that are not finite */
export const writeClassifier = async (
  path: string,
  net: Classifier,
  about: AboutClassifier,
): Promise<void> => {
  for (const [name, array] of stateOf(net))
    if (!array.isFinite())
      throw new FileError(path, { expected: "finite weights to save", got: `NaN or infinity in ${name}` });
  await writeWhole(path, encode(net, about));
};

/** What a classifier's metadata says. @throws FileError for another format, or nothing of the kind */
export const readAbout = (path: string, { metadata }: Safetensors) => {
  try {
    return aboutSchema.parse(JSON.parse(metadata[CLASSIFIER] ?? "null"));
  } catch (cause) {
    throw new FileError(
      path,
      {
        expected: `a classifier of format ${FORMAT}`,
        got: (metadata[CLASSIFIER] ?? "no metadata").slice(0, 60),
      },
      { cause },
    );
  }
};

/** A classifier's file as a feature network: its features are the last before the classes. */
export const openClassifier = (
  path: string,
  file: Safetensors & { readonly bytes: Uint8Array },
  options: NetworkOptions = {},
): FeatureNetwork => {
  const { config, data, classes } = readAbout(path, file);
  const net = classifier(config, new Generator(0));
  checkWeights(path, file.tensors);
  try {
    loadState(net, file.tensors);
  } catch (cause) {
    if (!(cause instanceof ShapeError)) throw cause;
    throw new FileError(
      path,
      { expected: "the weights that its metadata describes", got: cause.got },
      { cause },
    );
  }
  return networkOf(
    net,
    { name: nameOf(data, sha256(file.bytes)), fingerprint: sha256(file.bytes), classes },
    options,
  );
};

/** @throws FileError for NaN or infinity among weights */
export const checkWeights = (path: string, tensors: ReadonlyMap<string, NDArray>): void => {
  for (const [name, array] of tensors)
    if (!array.isFinite())
      throw new FileError(path, { expected: "finite weights", got: `NaN or infinity in ${name}` });
};

/** A classifier in memory as a feature network. */
export const networkOf = (
  net: Classifier,
  facts: { readonly name: string; readonly fingerprint: string; readonly classes: readonly string[] },
  options: NetworkOptions = {},
): FeatureNetwork => {
  const { image, widths } = net.config;
  return featureNetwork(
    {
      ...facts,
      preprocessing: "grey levels / 127.5 − 1, of the size that they have",
      standard: false,
      width: widths.at(-1) as number,
    },
    {
      forward: net.forward,
      leaves: leaves(net),
      weights: stateOf(net),
      batch: 64,
      fault: (shape) => (shape.join() === image.join() ? null : `images of ${image.join("×")}`),
    },
    options,
  );
};

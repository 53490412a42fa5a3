import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { FileError } from "../base/index.ts";
import { readSafetensors } from "../formats/index.ts";
import { CLASSIFIER, openClassifier } from "./classifier-file.ts";
import type { FeatureNetwork, NetworkOptions } from "./feature-network.ts";
import { INCEPTION, openInception, openOnnxInception } from "./inception-file.ts";

/**
 * Opens a network to compare images by: a classifier that undiffuse trained, or pytorch-fid's Inception, as safetensors
 * or as an ONNX model (*.onnx).
 * @throws FileError for a file that is neither
 */
export const openFeatureNetwork = async (
  path: string,
  options: NetworkOptions = {},
): Promise<FeatureNetwork> => {
  if (extname(path) === ".onnx") return openOnnxInception(path, options);
  const bytes = await readFile(path).catch((cause: Error) => {
    throw new FileError(
      path,
      { expected: "a readable file of a feature network", got: cause.message },
      { cause },
    );
  });
  const file = { ...readSafetensors(bytes, path), bytes };
  if (file.metadata[CLASSIFIER] !== undefined) return openClassifier(path, file, options);
  if (file.tensors.has(INCEPTION)) return openInception(path, file, options);
  throw new FileError(path, {
    expected: "a classifier of undiffuse, or Inception's weights",
    got: `a safetensors file of ${file.tensors.size} other tensors`,
    hint: "train a classifier with: undiffuse classifier <data>",
  });
};

import { stat } from "node:fs/promises";
import { ArgumentError } from "../base/index.ts";
import { fetchFromHub, type HubOptions, missingFromHub } from "../formats/index.ts";
import { type FileSourceOptions, fileSource } from "./file-source.ts";
import { folderSource, type PipelineSource, spareParts } from "./pipeline-source.ts";

export interface SourceOptions
  extends FileSourceOptions,
    Pick<HubOptions, "token" | "onProgress" | "env" | "hubUrl"> {
  /** `fp16` and the like, of a folder or the hub. */
  readonly variant?: string | undefined;
  /** Of the hub: a branch, tag or commit. */
  readonly revision?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The parts of a model: of a folder, of a single file, or of `owner/name` on the hub, downloaded where they are not there.
 * @throws ArgumentError for what is none of these; FileError as its kind does
 */
export const openSource = async (model: string, options: SourceOptions = {}): Promise<PipelineSource> => {
  const { variant } = options;
  const place = await placeOf(model);
  if (place === "file") return fileSource(model, options);
  requireNothingOfFiles(model, options);
  if (place === "folder") return folderSource(model, { variant });
  const { folder } = await fetchFromHub(model, hubOptions(options));
  return folderSource(folder, { variant });
};

/** The files that `openSource` would download first. @throws as it does */
export const missingFiles = async (
  model: string,
  options: SourceOptions = {},
): ReturnType<typeof missingFromHub> =>
  (await placeOf(model)) === "hub" ? missingFromHub(model, hubOptions(options)) : [];

const placeOf = async (model: string): Promise<"folder" | "file" | "hub"> => {
  const found = await stat(model).catch(() => null);
  if (found) return found.isDirectory() ? "folder" : "file";
  if (/^[\w.-]+\/[\w.-]+$/.test(model)) return "hub";
  throw new ArgumentError({
    who: "model",
    expected: "a folder, a file, or owner/name of the Hugging Face hub",
    got: `${model}, which is not there`,
  });
};

const hubOptions = (options: SourceOptions): HubOptions => {
  const { variant, revision, signal, token, onProgress, env, hubUrl } = options;
  return {
    variant,
    without: [...spareParts],
    token,
    hubUrl,
    ...(revision !== undefined && { revision }),
    ...(signal && { signal }),
    ...(onProgress && { onProgress }),
    ...(env && { env }),
  };
};

/** @throws ArgumentError for what is asked of single files alone: folders say it themselves */
const requireNothingOfFiles = (model: string, { tokenizer, prediction, ema }: FileSourceOptions): void => {
  const [asked] = Object.entries({ tokenizer, prediction, ema }).filter(([, value]) => value);
  if (asked)
    throw new ArgumentError({
      who: asked[0],
      expected: "a single file, which does not say it itself",
      got: model,
    });
};

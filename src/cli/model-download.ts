import { missingFiles, openSource, type PipelineSource, type SourceOptions } from "../pipelines/index.ts";
import { choice, flag, text } from "./command.ts";
import { type Progress, startProgress } from "./progress.ts";

/** Options that say which of a model's files are meant, and what they do not say themselves. */
export const modelOptions = {
  tokenizer: text("folder of a tokenizer, for a single file, which has none", { value: "folder" }),
  prediction: choice("what a single file's network predicts, which it does not say", [
    "epsilon",
    "v_prediction",
  ]),
  ema: flag("take a single file's averaged weights, where it has them beside the last ones"),
  variant: text("which weights of a folder that has several, e.g. fp16", { value: "name" }),
  revision: text("of a model of the hub: a branch, tag or commit", { value: "name" }),
} as const;

/** Bytes of weights. */
export const showSize = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;

type Wish = Pick<SourceOptions, "variant" | "revision" | "tokenizer" | "prediction" | "ema">;

/** Opens a model's files behind a progress bar, where they have to be downloaded. */
export const downloadedSource = async (
  model: string,
  wish: Wish,
  signal: AbortSignal,
): Promise<PipelineSource> => {
  const { variant, revision, tokenizer, prediction, ema } = wish;
  let progress: Progress | undefined;
  const onProgress = ({ bytes, total }: { readonly bytes: number; readonly total: number }) => {
    progress ??= startProgress("downloading", total);
    progress.update(bytes, { size: showSize(total) });
  };
  try {
    return await openSource(model, { variant, revision, tokenizer, prediction, ema, onProgress, signal });
  } finally {
    progress?.stop();
  }
};

/**
 * Says what would be downloaded of a model before more can be told of it, for a dry run.
 * @returns whether anything would
 */
export const forecastDownload = async (model: string, wish: Wish, signal: AbortSignal): Promise<boolean> => {
  const { variant, revision, tokenizer, prediction, ema } = wish;
  const missing = await missingFiles(model, { variant, revision, tokenizer, prediction, ema, signal });
  if (!missing.length) return false;
  const total = missing.reduce((sum, { size }) => sum + size, 0);
  const lines = missing.map(({ path, size }) => `  ${showSize(size).padStart(9)}  ${path}`);
  process.stdout.write(
    `${model}: ${showSize(total)} to download first, after which a dry run says what it takes\n${lines.join("\n")}\n`,
  );
  return true;
};

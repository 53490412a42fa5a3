import { openSource, type PipelineSource, type SourceOptions } from "../pipelines/index.ts";
import { type Progress, startProgress } from "./progress.ts";

/** Opens a model's files behind a progress bar, where they have to be downloaded. */
export const downloadedSource = async (
  model: string,
  wish: Pick<SourceOptions, "variant" | "revision" | "tokenizer" | "prediction">,
  signal: AbortSignal,
): Promise<PipelineSource> => {
  const { variant, revision, tokenizer, prediction } = wish;
  let progress: Progress | undefined;
  const onProgress = ({ bytes, total }: { readonly bytes: number; readonly total: number }) => {
    progress ??= startProgress("downloading", total);
    progress.update(bytes, { size: `${(total / 1e9).toFixed(2)} GB` });
  };
  try {
    return await openSource(model, { variant, revision, tokenizer, prediction, onProgress, signal });
  } finally {
    progress?.stop();
  }
};

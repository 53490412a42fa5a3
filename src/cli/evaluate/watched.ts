import { type Progress, showSeconds, startProgress } from "../progress.ts";

/** Shows an evaluation as it goes. */
export const watched = async <T>(
  work: (watch: {
    onStage: (what: string) => void;
    onProgress: (done: number, total: number) => void;
  }) => Promise<T>,
): Promise<T> => {
  let progress: Progress | null = null;
  let started = 0;
  try {
    return await work({
      onStage: (what) => process.stderr.write(`${what}\n`),
      onProgress(done, total) {
        if (!progress) started = performance.now();
        progress ??= startProgress("images", total);
        progress.update(done, {
          left: showSeconds(((performance.now() - started) / 1000 / done) * (total - done)),
        });
        if (done < total) return;
        progress.stop();
        progress = null;
      },
    });
  } finally {
    (progress as Progress | null)?.stop();
  }
};

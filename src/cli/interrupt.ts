/** Exit code of a program that was interrupted, as shells give it. */
export const INTERRUPTED = 130;

/**
 * Runs work with a signal that Ctrl-C or a polite kill aborts, so that it can save and end; a second one
 * ends the process at once.
 */
export const interruptible = async (
  notice: string,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> => {
  const controller = new AbortController();
  const listener = () => {
    if (controller.signal.aborted) process.exit(INTERRUPTED);
    controller.abort();
    process.stderr.write(`\n${notice}\n`);
  };
  const names = ["SIGINT", "SIGTERM"] as const;
  for (const name of names) process.on(name, listener);
  try {
    await work(controller.signal);
  } finally {
    for (const name of names) process.off(name, listener);
  }
};

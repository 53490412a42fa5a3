import { SingleBar } from "cli-progress";

/** A line of progress on standard error, and messages above it. Without a terminal, a line now and then. */
export interface Progress {
  update(done: number, facts?: Readonly<Record<string, string>>): void;
  message(text: string): void;
  stop(): void;
}

const SECONDS_BETWEEN_LINES = 10;

/** @param title names the work; `total` is what `done` counts up to */
export const startProgress = (title: string, total: number, done = 0): Progress =>
  process.stderr.isTTY ? barProgress(title, total, done) : lineProgress(title, total);

const show = (facts: Readonly<Record<string, string>>): string =>
  Object.entries(facts)
    .map(([name, value]) => ` · ${name} ${value}`)
    .join("");

const barProgress = (title: string, total: number, done: number): Progress => {
  const bar = new SingleBar({
    format: `${title} {bar} {value}/{total}{facts}`,
    barsize: 24,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    hideCursor: true,
    gracefulExit: false,
    stream: process.stderr,
  });
  bar.start(total, done, { facts: "" });
  return {
    update: (value, facts = {}) => bar.update(value, { facts: show(facts) }),
    message(text) {
      process.stderr.write(`\r\u001b[K${text}\n`);
      bar.render();
    },
    stop: () => bar.stop(),
  };
};

const lineProgress = (title: string, total: number): Progress => {
  let last = Number.NEGATIVE_INFINITY;
  return {
    update(value, facts = {}) {
      const now = performance.now() / 1000;
      if (value < total && now - last < SECONDS_BETWEEN_LINES) return;
      last = now;
      process.stderr.write(`${title} ${value}/${total}${show(facts)}\n`);
    },
    message: (text) => process.stderr.write(`${text}\n`),
    stop: () => undefined,
  };
};

/** Seconds as people say them: 42 s, 3 min 05 s, 2 h 10 min. */
export const showSeconds = (seconds: number): string => {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (n: number) => String(n).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
};

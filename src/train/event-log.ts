import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import {
  append,
  encodeEvent,
  encodeEventVersion,
  encodeSessionStart,
  type LoggedEvent,
} from "../formats/index.ts";
import type { TrainEvent } from "./events.ts";
import type { RunFolder } from "./run-folder.ts";

/**
 * What a training tells, as an event file for TensorBoard in the run's folder. Every session writes a file of
 * its own: one that a crash cut short stays as it is, and its steps after the checkpoint that a later session
 * starts from no longer count.
 */
export class EventLog {
  private readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** @param step done before this session */
  static async open({ path }: RunFolder, step: number): Promise<EventLog> {
    const now = Date.now();
    const time = (now / 1000).toFixed(3); // TensorBoard reads the files in the order of their names
    const log = new EventLog(join(path, `events.out.tfevents.${time}.${hostname()}.${process.pid}`));
    await append(log.path, encodeEventVersion(now));
    await append(log.path, encodeSessionStart(step + 1, now)); // at step 0 too: a kill may precede the first checkpoint
    return log;
  }

  async write(event: TrainEvent): Promise<void> {
    const logged = await toLogged(event);
    if (logged) await append(this.path, encodeEvent(logged, Date.now()));
  }
}

/** What TensorBoard shows of an event of the training; null for nothing. */
const toLogged = async (event: TrainEvent): Promise<LoggedEvent | null> => {
  const { kind, step } = event;
  if (kind === "step") {
    const { losses, gradientNorm, learningRate, imagesPerSecond } = event;
    const figures = {
      ...losses,
      gradient_norm: gradientNorm,
      learning_rate: learningRate,
      images_per_second: imagesPerSecond,
    };
    return { step, scalars: tagged("train", figures) };
  }
  if (kind === "heldOut") {
    const points = event.points.map((point, i) => [`at_${point}`, event.losses[i] as number] as const);
    return { step, scalars: tagged("held_out", { mean: event.mean, ...Object.fromEntries(points) }) };
  }
  if (kind === "preview") return { step, images: { preview: await readFile(event.path) } };
  return null;
};

/** Figures below a common tag; those that are not finite are left out. */
const tagged = (group: string, figures: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(
    Object.entries(figures)
      .filter(([, value]) => Number.isFinite(value))
      .map(([name, value]) => [`${group}/${name}`, value]),
  );

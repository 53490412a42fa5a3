import type { Dataset } from "../data/index.ts";
import type { Backend, PrecisionChoice } from "../runtime/index.ts";
import type { TrainingOptions } from "./options.ts";
import type { Earlier, Stage } from "./system.ts";

/** Everything that the training of one stage needs. */
export interface TrainJob<S = unknown> {
  readonly folder: string;
  readonly stage: Stage<S>;
  /** The stages trained before; none when absent. */
  readonly earlier?: Earlier;
  readonly dataset: Dataset;
  readonly training: TrainingOptions;
  /** How previews are generated. */
  readonly sampling: S;
  /** The whole recipe as plain data: it travels in every checkpoint. */
  readonly recipe: unknown;
  /** Continue the folder's newest checkpoint; otherwise the folder must not hold one. */
  readonly resume: boolean;
  readonly threads?: number | undefined;
  readonly backend?: Backend | undefined;
  /** Of a new run; one that is continued goes on as it began. */
  readonly precision?: PrecisionChoice | undefined;
  /** Aborted: the run is saved and ends. */
  readonly signal?: AbortSignal | undefined;
}

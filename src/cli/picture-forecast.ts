import {
  type Footprint,
  footprint,
  forecastPicture,
  measureRate,
  type PipelineSource,
  totalBytes,
  weightBytes,
} from "../pipelines/index.ts";
import type { EvaluateOptions } from "../train/index.ts";
import { showSize } from "./model-download.ts";
import { showSeconds } from "./progress.ts";

/** Says what an import would write, from the headers of its files. */
export const forecastImport = async (source: PipelineSource): Promise<void> => {
  const parts = await footprint(source);
  const [stored, held] = [totalBytes(parts, "stored"), totalBytes(parts, "held")];
  say([
    ...partLines(source, parts),
    `size: ${showSize(held)} as float32, ${showSize(held / 2)} with --half; the files have ${showSize(stored)}`,
    `memory: ${showSize(held)}, all weights as float32`,
  ]);
};

/** Says what a picture takes: of headers alone, of the network's plan, and of a piece of one that is run. */
export const forecastPictures = async (
  source: PipelineSource,
  request: Parameters<typeof forecastPicture>[1],
  place: EvaluateOptions,
): Promise<void> => {
  const { parts, width, height, steps, evaluation } = await forecastPicture(source, request);
  const rate = await measureRate(place);
  const seconds = evaluation.flop / rate;
  const weights = weightBytes(parts);
  say([
    ...partLines(source, parts),
    `memory: about ${showSize(weights + evaluation.bytes)}`,
    `  ${showSize(totalBytes(parts, "held"))} of weights in fp32, of ${showSize(totalBytes(parts, "stored"))} in files`,
    `  ${showSize(weights - totalBytes(parts, "held"))} of the network's once more, laid out for the engine`,
    `  ${showSize(evaluation.bytes)} that an evaluation computes on the way`,
    `time: about ${showSeconds(seconds * steps)} for ${steps} steps at ${width}×${height} pixels, text and autoencoder not counted`,
    `  ${showStep(seconds)} an evaluation, ${(evaluation.flop / 1e12).toPrecision(3)} TFLOP`,
    `  at ${Math.round(rate / 1e9)} GFLOP/s, at which a piece of such a network ran here`,
  ]);
};

const say = (lines: readonly string[]): void => {
  process.stdout.write(`${lines.join("\n")}\n`);
};

const partLines = (source: PipelineSource, parts: readonly Footprint[]): string[] => [
  `${source.name}: ${source.className}`,
  ...parts.map(
    ({ name, className, parameters, stored }) =>
      `  ${name.padEnd(15)} ${className.padEnd(28)} ${parameters.toLocaleString("en").padStart(15)} parameters  ${showSize(stored)}`,
  ),
];

/** Of less than a minute to two digits. */
const showStep = (seconds: number): string =>
  seconds < 60 ? `${Number(seconds.toPrecision(2))} s` : showSeconds(seconds);

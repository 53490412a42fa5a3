import { footprint, type PipelineSource } from "../pipelines/index.ts";
import { showSize } from "./model-download.ts";

/** Says what a pipeline would load and what its weights take, from the headers of its files. */
export const forecastPictures = async (source: PipelineSource): Promise<void> => {
  const parts = await footprint(source);
  const total = (key: "stored" | "held") => parts.reduce((sum, part) => sum + part[key], 0);
  const lines = [
    `${source.name}: ${source.className}`,
    ...parts.map(
      ({ name, className, parameters, stored }) =>
        `  ${name.padEnd(15)} ${className.padEnd(28)} ${parameters.toLocaleString("en").padStart(15)} parameters  ${showSize(stored)}`,
    ),
    `memory: ${showSize(total("held"))} of weights in fp32, of ${showSize(total("stored"))} in files; at most twice as much`,
    "  once they are laid out for the engine, and what an evaluation computes on the way",
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
};

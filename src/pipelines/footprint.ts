import { sizeOf } from "../base/index.ts";
import type { StoredTensor } from "../formats/index.ts";
import { type PipelineSource, spareParts } from "./pipeline-source.ts";

/** What tensors take together, where they lie. */
export interface TensorTotals {
  readonly tensors: number;
  readonly parameters: number;
  readonly bytes: number;
  readonly dtypes: readonly string[];
}

export const totalsOf = (tensors: Iterable<StoredTensor>): TensorTotals => {
  const all = [...tensors];
  return {
    tensors: all.length,
    parameters: all.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    bytes: all.reduce((sum, { bytes }) => sum + bytes, 0),
    dtypes: [...new Set(all.map(({ dtype }) => dtype))],
  };
};

/** What a part of a pipeline takes, of its files' headers alone. */
export interface Footprint {
  readonly name: string;
  readonly className: string;
  readonly parameters: number;
  /** Bytes of its tensors where they lie. */
  readonly stored: number;
  /** Bytes of them in float32. */
  readonly held: number;
}

/** The parts of a pipeline that have weights. @throws FileError for one that is damaged or missing */
export const footprint = async (source: PipelineSource): Promise<Footprint[]> => {
  const found: Footprint[] = [];
  for (const name of source.parts.filter((part) => !spareParts.has(part) && !WEIGHTLESS.test(part))) {
    const { className, weights } = await source.component(name);
    if (!weights) continue;
    const { parameters, bytes } = totalsOf(weights.tensors.values());
    await weights.close();
    found.push({ name, className, parameters, stored: bytes, held: 4 * parameters });
  }
  return found;
};

/** Bytes of all parts together. */
export const totalBytes = (parts: readonly Footprint[], key: "stored" | "held"): number =>
  parts.reduce((sum, part) => sum + part[key], 0);

/** Names of parts that have no weights, and may not be there yet. */
const WEIGHTLESS = /^(tokenizer|scheduler|feature_extractor)/;

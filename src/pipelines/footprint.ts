import { sizeOf } from "../base/index.ts";
import type { PipelineSource } from "./pipeline-source.ts";

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
  for (const name of source.parts) {
    if (UNREAD.test(name)) continue;
    const { className, weights } = await source.component(name);
    if (!weights) continue;
    const tensors = [...weights.tensors.values()];
    await weights.close();
    const parameters = tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    const stored = tensors.reduce((sum, { bytes }) => sum + bytes, 0);
    found.push({ name, className, parameters, stored, held: 4 * parameters });
  }
  return found;
};

/** Parts that no pipeline here reads, or that have no weights. */
const UNREAD = /^(safety_checker|watermarker|tokenizer|scheduler|feature_extractor)/;

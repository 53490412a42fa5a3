import { cp, mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PictureRequest } from "../../src/pipelines/index.ts";

export const fixtures = fileURLToPath(new URL("../fixtures/pipelines/", import.meta.url));
const tokenizer = fileURLToPath(new URL("../fixtures/clip/byte-pairs/", import.meta.url));

/** What tools/reference/pipelines.py wrote of a pipeline. */
export interface PipelineFixture {
  readonly index: Readonly<Record<string, unknown>>;
  readonly parts: Readonly<Record<string, string | null>>;
  readonly lowResScheduler: string | null;
  readonly steps: number;
  /** How much of each. */
  readonly loras?: Readonly<Record<string, number>>;
  readonly words?: readonly string[];
  readonly request: Omit<PictureRequest, "source"> & { readonly source?: Record<string, unknown> };
  /** Texts of scheduler_config.json, as Python writes them. */
  readonly cases: readonly { readonly scheduler: string; readonly seed: number; readonly picture: string }[];
}

export const fixtureOf = async (name: string): Promise<PipelineFixture> =>
  JSON.parse(await readFile(join(fixtures, `${name}.json`), "utf8"));

/** A folder below `root` as save_pretrained leaves it, of a fixture's parts and a scheduler's text. */
export const folderOf = async (
  root: string,
  { parts, index, lowResScheduler: low }: PipelineFixture,
  scheduler: string,
): Promise<string> => {
  const folder = await mkdtemp(join(root, "pipeline-"));
  for (const [component, part] of Object.entries(parts)) {
    if (part === null) continue;
    const from = part === "tokenizer" ? tokenizer : join(fixtures, "parts", part);
    await cp(from, join(folder, component), { recursive: true });
  }
  const texts = { scheduler, ...(low && { low_res_scheduler: low }) };
  for (const [component, text] of Object.entries(texts)) {
    await mkdir(join(folder, component));
    await writeFile(join(folder, component, "scheduler_config.json"), text);
  }
  const named = { ...index, scheduler: ["diffusers", /"_class_name": "(\w+)"/.exec(scheduler)?.[1]] };
  await writeFile(join(folder, "model_index.json"), JSON.stringify(named));
  return folder;
};

import { readdir } from "node:fs/promises";
import { basename } from "node:path";
import { openModelFolder, weightFilesAmong } from "../../formats/index.ts";
import { checkComponent, faultWords, folderSource } from "../../pipelines/index.ts";
import { shellLine } from "../provenance.ts";
import { row } from "./row.ts";
import { componentWords, describeSource, supportRows } from "./source.ts";

/** A pipeline's folder: one with a model_index.json. */
export const describePipelineFolder = async (path: string): Promise<string[]> => {
  const { variants, variant } = await variantsIn(path);
  const source = await folderSource(path, { variant });
  const { rows, faults } = await describeSource(source);
  return [
    ...rows,
    ...variantRows(variants),
    ...supportRows(faults),
    ...useRows(path, source, variant, faults),
  ];
};

/** A folder of one model, scheduler or tokenizer: one with a configuration. */
export const describeModelFolder = async (path: string): Promise<string[]> => {
  const { variants, variant } = await variantsIn(path);
  const component = await openModelFolder(path, { variant });
  await component.weights?.close();
  return [
    row("component", componentWords(component).words),
    ...variantRows(variants),
    ...supportRows(await faultsOf(component)),
  ];
};

const faultsOf = async (component: Parameters<typeof checkComponent>[0]): Promise<string[]> => {
  try {
    await checkComponent(component);
    return [];
  } catch (error) {
    return [faultWords(error)];
  }
};

/** The variants of a folder's weights, and the one to describe: the plain one where it is there. */
const variantsIn = async (path: string) => {
  const names = (await readdir(path, { recursive: true })).map((name) => basename(name));
  const variants = [...new Set(weightFilesAmong(names).map(({ variant }) => variant))];
  return { variants, variant: variants.includes(undefined) ? undefined : variants[0] };
};

const variantRows = (variants: readonly (string | undefined)[]): string[] =>
  variants.some((each) => each !== undefined)
    ? [row("variants", variants.map((each) => each ?? "without a name").join(", "))]
    : [];

/** The command that makes pictures with it; of pipelines of noise alone, what opens it. */
const useRows = (
  path: string,
  { className, parts }: { readonly className: string; readonly parts: readonly string[] },
  variant: string | undefined,
  faults: readonly string[],
): string[] => {
  if (faults.length) return [];
  if (!parts.includes("vae"))
    return [row("to use", `openDiffusersUnet of undiffuse/pipelines opens a ${className}`)];
  const words = [path, ...(variant === undefined ? [] : ["--variant", variant])];
  const prompt = parts.includes("text_encoder") ? ["a prompt"] : [];
  return [row("to use", shellLine(["undiffuse", "generate", ...prompt, "--model", ...words]))];
};

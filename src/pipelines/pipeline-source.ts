import { type Component, openComponent, readModelIndex } from "../formats/index.ts";

/** Where the parts of a pipeline come from. */
export interface PipelineSource {
  /** For errors: a folder, a file, a name of the hub. */
  readonly name: string;
  /** diffusers' name of its kind. */
  readonly className: string;
  /** The pipeline's own options. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** A part by its name in `model_index.json`. @throws FileError for one that is missing or damaged */
  component(name: string): Promise<Component>;
}

/** A folder as diffusers' `save_pretrained` leaves it. @throws FileError for a missing or damaged `model_index.json` */
export const folderSource = async (
  folder: string,
  options: { readonly variant?: string | undefined } = {},
): Promise<PipelineSource> => {
  const { className, settings } = await readModelIndex(folder);
  return { name: folder, className, settings, component: (name) => openComponent(folder, name, options) };
};

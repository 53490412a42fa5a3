import { type Component, openComponent, readModelIndex } from "../formats/index.ts";

/** Parts that neither undiffuse nor Python need, and that are neither loaded nor carried over. */
export const spareParts: ReadonlySet<string> = new Set(["safety_checker", "watermarker"]);

/** Where the parts of a pipeline come from. */
export interface PipelineSource {
  /** For errors: a folder, a file, a name of the hub. */
  readonly name: string;
  /** diffusers' name of its kind. */
  readonly className: string;
  /** The pipeline's own options. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Names of its parts in `model_index.json`, those that it goes without left out. */
  readonly parts: readonly string[];
  /** A part by its name in `model_index.json`. @throws FileError for one that is missing or damaged */
  component(name: string): Promise<Component>;
}

/** A folder as diffusers' `save_pretrained` leaves it. @throws FileError for a missing or damaged `model_index.json` */
export const folderSource = async (
  folder: string,
  options: { readonly variant?: string | undefined } = {},
): Promise<PipelineSource> => {
  const { className, components, settings } = await readModelIndex(folder);
  const parts = [...components].flatMap(([name, each]) => (each ? [name] : []));
  return {
    name: folder,
    className,
    settings,
    parts,
    component: (name) => openComponent(folder, name, options),
  };
};

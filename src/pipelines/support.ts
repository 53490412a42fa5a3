import { UndiffuseError } from "../base/index.ts";
import { checkComponent } from "./component-support.ts";
import { conditioningParts, type Family, familyOf, sourcesOf } from "./families.ts";
import { partClasses } from "./model-kinds.ts";
import type { PipelineSource } from "./pipeline-source.ts";
import type { SourceKind } from "./source.ts";
import { isUnconditional } from "./unconditional-folder.ts";

/** Whether a pipeline opens here. */
export interface Support {
  /** What it begins with; none where that is not known. */
  readonly sources: readonly (SourceKind | "none")[];
  /** All that is missing or not supported, by name; none where it opens. */
  readonly faults: readonly string[];
}

/** Whether the pipeline of a source opens here, found out from configurations and tokenizers, not from weights. */
export const supportOf = async (source: PipelineSource): Promise<Support> => {
  if (isUnconditional(source.className)) {
    const faults = faultsOf([await check(source, "unet", ["UNet2DModel"]), await check(source, "scheduler")]);
    return { sources: faults.length ? [] : ["none"], faults };
  }
  try {
    return await supportIn(familyOf(source.className, source.name), source);
  } catch (error) {
    return { sources: [], faults: [faultWords(error)] };
  }
};

const supportIn = async (family: Family, source: PipelineSource): Promise<Support> => {
  const parts = ["unet", "vae", ...conditioningParts[family.conditioning], "scheduler"];
  const checked: Checked[] = [];
  for (const part of parts) checked.push(await check(source, part, classesOf(part)));
  const [unet, vae] = checked;
  const sources = beginnings(family, unet?.config, vae?.config);
  if (sources.value?.includes("upscale")) checked.push(await check(source, "low_res_scheduler"));
  return { sources: sources.value ?? [], faults: [...faultsOf(checked), ...faultsOf([sources])] };
};

/** The classes that a part may be of; undefined where that is no network's name. */
const classesOf = (part: string): readonly string[] | undefined =>
  Object.hasOwn(partClasses, part) ? partClasses[part as keyof typeof partClasses] : undefined;

/** A value, or why there is none. */
interface Checked {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly fault?: string;
}

const faultsOf = (checked: readonly { readonly fault?: string }[]): string[] =>
  checked.flatMap(({ fault }) => (fault === undefined ? [] : [fault]));

/** The configuration of a part, closed again, or what of it is not supported. */
const check = async (source: PipelineSource, part: string, wanted?: readonly string[]): Promise<Checked> => {
  try {
    const component = await source.component(part);
    await component.weights?.close();
    const { className } = component;
    if (wanted && !wanted.includes(className))
      return { fault: `${part}: expected ${wanted.join(" or ")}, got ${className}` };
    return { config: await checkComponent(component) };
  } catch (error) {
    return { fault: `${part}: ${faultWords(error)}` };
  }
};

/** What a pipeline of these networks begins with. */
const beginnings = (
  family: Family,
  unet: Checked["config"],
  vae: Checked["config"],
): { readonly value?: Support["sources"]; readonly fault?: string } => {
  if (!unet || !vae) return {};
  const latent = Number(vae.vq_embed_dim ?? vae.latent_channels);
  try {
    return { value: sourcesOf(family, { seen: Number(unet.in_channels), latent }) };
  } catch (error) {
    return { fault: `unet.in_channels: ${faultWords(error)}` };
  }
};

/** What an error says on one line, but for who complains. @throws what is no error of ours */
export const faultWords = (error: unknown): string => {
  if (!(error instanceof UndiffuseError)) throw error;
  const { expected, got, hint } = error;
  return `expected ${expected}, got ${got}${hint ? `; ${hint}` : ""}`;
};

/** The weights of a model among the files of its folder. */
export interface WeightFiles {
  readonly file: string;
  /** Whether it is an index of several files. */
  readonly sharded: boolean;
  /** `fp16` and the like; undefined for the plain ones. */
  readonly variant: string | undefined;
}

// diffusers' models and transformers' (SAFETENSORS_WEIGHTS_NAME, SAFE_WEIGHTS_NAME); the variant comes before the last
// part of the name: model.fp16.safetensors, model.safetensors.index.fp16.json.
const single = /^(?:diffusion_pytorch_model|model)(?:\.([\w-]+))?\.safetensors$/;
const index = /^(?:diffusion_pytorch_model|model)\.safetensors\.index(?:\.([\w-]+))?\.json$/;
const shard = /^\d{5}-of-\d{5}$|-\d{5}-of-\d{5}$/;

/** All weights that the names of a folder's files tell of: whole files first, diffusers' before transformers'. */
export const weightFilesAmong = (names: readonly string[]): WeightFiles[] => {
  const sorted = [...names].sort();
  const found = (pattern: RegExp, sharded: boolean) =>
    sorted.flatMap((file) => {
      const match = pattern.exec(file);
      return match && !shard.test(match[1] ?? "") ? [{ file, sharded, variant: match[1] }] : [];
    });
  return [...found(single, false), ...found(index, true)];
};

/** The weights of one variant. */
export const chooseWeights = (
  names: readonly string[],
  variant: string | undefined,
): WeightFiles | undefined => weightFilesAmong(names).find((each) => each.variant === variant);

/** Files of weights that only Python reads, and that run code when it does. */
export const picklesAmong = (names: readonly string[]): string[] =>
  names.filter((name) => /\.(bin|ckpt|pt|pth|pkl)$/.test(name));

/** Why there are no such weights, and the way out. */
export const whyNoWeights = (names: readonly string[]): { readonly got: string; readonly hint?: string } => {
  const variants = [...new Set(weightFilesAmong(names).map((each) => each.variant))];
  if (variants.length)
    return {
      got: `${variants.map((each) => (each === undefined ? "weights without a variant" : `variant ${each}`)).join(", ")}`,
      hint: variants.includes(undefined)
        ? "leave the variant out"
        : `ask for the variant ${variants.join(" or ")}`,
    };
  const pickles = picklesAmong(names);
  if (pickles.length)
    return {
      got: `only ${pickles.join(", ")}, pickles, which may run any code when they are read`,
      hint:
        "convert them in Python, where you trust them: load with from_pretrained(folder) and " +
        "save with save_pretrained(new_folder), which writes safetensors",
    };
  return { got: names.length ? `only ${names.join(", ")}` : "an empty folder" };
};

/** How a variant is told of in errors. */
export const showVariant = (variant: string | undefined): string =>
  variant === undefined ? "weights as safetensors" : `weights of variant ${variant} as safetensors`;

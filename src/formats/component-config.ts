/** A model's configuration, the only one that tells of weights. */
export const MODEL_CONFIG = "config.json";

const others = [
  { file: "scheduler_config.json", of: /Scheduler$/ },
  { file: "tokenizer_config.json", of: /Tokenizer(Fast)?$/ },
  { file: "preprocessor_config.json", of: /(FeatureExtractor|Processor|ProcessorFast)$/ },
] as const;

/** The file that configures a class of diffusers or transformers; of an unknown class, the first among a folder's files. */
export const configFile = (className: string | undefined, names: readonly string[] = []): string => {
  if (className !== undefined) return others.find(({ of }) => of.test(className))?.file ?? MODEL_CONFIG;
  return (
    [MODEL_CONFIG, ...others.map(({ file }) => file)].find((file) => names.includes(file)) ?? MODEL_CONFIG
  );
};

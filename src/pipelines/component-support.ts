import type { z } from "zod";
import { FileError, parseAs } from "../base/index.ts";
import type { Component } from "../formats/index.ts";
import { readScheduler } from "../samplers/index.ts";
import { openImageProcessor } from "./image-processor.ts";
import { type ModelClass, modelKinds } from "./model-kinds.ts";
import { readTokenizerFiles } from "./tokenizer-files.ts";

/** What is neither a network nor configured by its class alone. */
const others: readonly (readonly [of: RegExp, check: (component: Described) => unknown])[] = [
  [/Scheduler$/, ({ className, config }) => readScheduler({ ...config, _class_name: className }, 4)],
  [/Tokenizer(Fast)?$/, ({ folder }) => readTokenizerFiles(folder)],
  [/(FeatureExtractor|Processor|ProcessorFast)$/, ({ folder }) => openImageProcessor(folder)],
];

/** What there is of a component but its weights. */
type Described = Pick<Component, "className" | "folder" | "config">;

/**
 * Whether a component's class and configuration are supported, without its weights.
 * @returns a network's configuration with its defaults, of others the file's
 * @throws UndiffuseError that names what is not supported
 */
export const checkComponent = async (component: Described): Promise<Readonly<Record<string, unknown>>> => {
  const { className, folder, config } = component;
  if (Object.hasOwn(modelKinds, className)) {
    const schema: z.ZodType<Readonly<Record<string, unknown>>> = modelKinds[className as ModelClass].schema;
    return parseAs(schema, config, { who: folder, expected: `a configuration of ${className}` });
  }
  const other = others.find(([of]) => of.test(className));
  if (!other)
    throw new FileError(folder, {
      expected: `${Object.keys(modelKinds).join(", ")}, a scheduler, tokenizer or image processor`,
      got: className,
    });
  await other[1](component);
  return config;
};

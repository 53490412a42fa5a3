import { fileURLToPath } from "node:url";

/** Models that come with the package, by the name that stands for a run's folder: weights in float16 with their recipe. */
export const packagedModels: Readonly<Record<string, string>> = {
  emoji: fileURLToPath(new URL("../../models/emoji.safetensors", import.meta.url)),
};

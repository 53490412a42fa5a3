import { originalUNetNames, type Shapes } from "../formats/index.ts";
import { flat } from "./lora-names.ts";

const WEIGHT = ".weight";

/** The network's weights by every flat name that a LoRA may have for their modules. */
export const loraTargets = (shapes: Shapes): ReadonlyMap<string, string> => {
  const weights = [...shapes.keys()].filter((name) => name.endsWith(WEIGHT));
  const originals = originalUNetNames(shapes);
  return new Map(
    weights.flatMap((name) =>
      [name, ...[originals.get(name) ?? []].flat()]
        .flatMap((each) => aliases(each.slice(0, -WEIGHT.length)))
        .map((alias) => [flat(alias), name] as const),
    ),
  );
};

/** A module's name and those of earlier times: `to_out` before it was a list, a text encoder's projections as a U-Net's. */
const aliases = (module: string): string[] => {
  const bare = module.replace(/^text_model\./, "");
  const spellings = [
    module,
    module.replace(/\.to_out\.0$/, ".to_out"),
    bare,
    bare.replace(/\.(q|k|v|out)_proj$/, ".to_$1"),
  ];
  return spellings.flatMap((each) => [each, `text_model.${each}`]);
};

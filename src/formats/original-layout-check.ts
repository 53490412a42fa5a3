import { type Shape, showShape } from "../base/index.ts";
import type { Shapes, TensorRule, TensorRules } from "./original-layout-rule.ts";

/** What is nobody's weight: schedules, counters, marks, averages, and buffers that follow from sizes. */
const harmless: readonly RegExp[] = [
  /^(betas|alphas_cumprod(_prev)?|(sqrt|log_one_minus|posterior)_\w+|logvar|lvlb_weights)$/,
  /^(scale_factor|global_step|v_pred|ztsnr)$/,
  /^(model_ema|denoiser|low_scale_model|first_stage_model\.loss)\./,
  /\.(position_ids|logit_scale|attn_mask)$/,
];

/**
 * Compares a file with what rules take of it.
 * @param ignores further names that are not needed
 * @returns everything that is missing, of another shape or unknown; and what is there and not needed
 */
export const compareNames = (
  shapes: Shapes,
  parts: readonly TensorRules[],
  ignores: (name: string) => boolean,
): { readonly faults: readonly string[]; readonly ignored: readonly string[] } => {
  const rules = parts.flatMap((part) => [...part.values()]);
  const wanted = new Set(rules.map(({ source }) => source));
  const rest = [...shapes.keys()].filter((name) => !wanted.has(name));
  const isIgnored = (name: string) => ignores(name) || harmless.some((pattern) => pattern.test(name));
  return {
    faults: [
      ...rules.flatMap((rule) => fault(rule, shapes.get(rule.source)?.shape)),
      ...rest.filter((name) => !isIgnored(name)).map((name) => `unknown ${name}`),
    ],
    ignored: rest.filter(isIgnored),
  };
};

const fault = (rule: TensorRule, shape: Shape | undefined): string[] => {
  if (!shape) return [`no ${rule.source}`];
  return fits(rule, shape) ? [] : [`${rule.source} is ${showShape(shape)}`];
};

/** Whether a tensor can be taken apart as the rule says; other shapes are for the network to compare. */
const fits = ({ take }: TensorRule, shape: Shape): boolean => {
  switch (take?.kind) {
    case "rows":
      return shape[0] === take.of;
    case "transposed":
      return shape.length === 2;
    case "squeezed":
      return shape.slice(2).every((size) => size === 1);
    default:
      return true;
  }
};

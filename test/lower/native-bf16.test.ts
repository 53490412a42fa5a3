import { host } from "#host";
import type { NativeTarget } from "../../src/lower/index.ts";
import { amongActivations, blockedPrograms, gradientPrograms, plainPrograms } from "./programs.ts";
import { BFLOAT16, describeTogether } from "./together.ts";

const targets = [1, 8].map((block): NativeTarget => ({ engine: "native", block, precision: "bf16" }));

if (host.nativeEngine())
  for (const target of targets)
    for (const [what, programs] of Object.entries({
      operations: plainPrograms,
      gradients: gradientPrograms,
      convolutions: blockedPrograms,
    }))
      describeTogether(
        `in bf16 the native engine's ${what} are near those of plain loops, in blocks of ${target.block}`,
        target,
        programs.map(amongActivations),
        BFLOAT16,
      );

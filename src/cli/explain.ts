import type { CommandGroup } from "./command.ts";
import { elboCommand } from "./explain/elbo.ts";
import { forwardCommand } from "./explain/forward.ts";
import { guidanceCommand } from "./explain/guidance.ts";
import { interpolationCommand } from "./explain/interpolation.ts";
import { reverseCommand } from "./explain/reverse.ts";
import { samplersCommand } from "./explain/samplers.ts";
import { scheduleCommand } from "./explain/schedule.ts";

export const explainGroup: CommandGroup = {
  name: "explain",
  summary: "Draw what happens: equations as pictures",
  commands: [
    scheduleCommand,
    forwardCommand,
    reverseCommand,
    elboCommand,
    samplersCommand,
    guidanceCommand,
    interpolationCommand,
  ],
};

import type { CommandGroup } from "./command.ts";
import { forwardCommand } from "./explain/forward.ts";
import { scheduleCommand } from "./explain/schedule.ts";

export const explainGroup: CommandGroup = {
  name: "explain",
  summary: "Draw what happens: equations as pictures",
  commands: [scheduleCommand, forwardCommand],
};
